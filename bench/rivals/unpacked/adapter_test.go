// SPDX-License-Identifier: Apache-2.0

package unpacked

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// The permits of the unpacked variant belong to no period: an outcome from before the outage closes
// the breaker while its probe is still in flight. That does not happen to ours.
func TestLateSuccessCloses(t *testing.T) {
	b := newBreaker(scenario.HalfOpenScene)
	late, _ := b.TryAcquire()
	b.Trip()
	_, probe := b.TryAcquire()
	require.True(t, probe)
	late.Success()
	assert.True(t, b.Allow(), "the late outcome did not close it")

	ours := atomic.New(scenario.HalfOpenScene)
	permit, _ := ours.TryAcquire()
	ours.Trip()
	_, probe = ours.TryAcquire()
	require.True(t, probe)
	permit.Success()
	assert.False(t, ours.Allow(), "the late outcome closed it")
}
