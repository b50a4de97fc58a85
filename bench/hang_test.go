// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A probe in the caller holds it for a timeout, and all who wait for the logger's mutex; a probe beside it holds nobody.
func TestSlowestWhileOpen(t *testing.T) {
	for impl, want := range map[string]time.Duration{"breakerio": 0, "gobreaker": HangTimeout} {
		synctest.Test(t, func(t *testing.T) {
			require.Equal(t, want, SlowestWhileOpen(impl, 1))
			time.Sleep(HangTimeout) // until the last probe has its answer
		})
	}
}
