// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A probe in the caller blocks it for a timeout, along with all goroutines that wait for the
// logger's mutex. An asynchronous probe blocks no caller.
func TestSlowestWhileOpen(t *testing.T) {
	for impl, want := range map[string]time.Duration{"breakerio": 0, "gobreaker": hangTimeout} {
		synctest.Test(t, func(t *testing.T) {
			require.Equal(t, want, slowestWhileOpen(impl, 1))
			time.Sleep(hangTimeout) // until the last probe has returned
		})
	}
}
