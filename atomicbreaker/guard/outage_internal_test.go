// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// A goroutine may set the flag for a new outage after another goroutine has already ended that
// outage. The next success clears the flag; otherwise the guard would never be quiet again.
func TestTracker_FlagWithoutOutage(t *testing.T) {
	b := atomicbreaker.MustNew("sink")
	g := New(b, Options{}, func(struct{}) (int, error) { return 0, nil }, nil)
	g.flags.Or(flagOutage)
	permit, ok := b.TryAcquire()
	require.True(t, ok)
	g.Succeed(&permit, time.Time{})
	require.True(t, g.Quiet())
}
