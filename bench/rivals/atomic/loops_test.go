// SPDX-License-Identifier: Apache-2.0

package atomic

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// The scenarios whose loops cannot check themselves do what their names say.
func TestScenes(t *testing.T) {
	b := newBreaker(scenario.FlakyScene)
	flaky(b, 4)(404)
	want := atomicbreaker.Snapshot{Failures: 1}
	assert.Equal(t, want, b.Snapshot(), "the last of every four fails")

	b = newBreaker(scenario.StormScene)
	storm(b)(5 * scenario.StormLength)
	want = atomicbreaker.Snapshot{Generation: 10}
	assert.Equal(t, want, b.Snapshot(), "five trips, five resets")
	storm(b)(scenario.StormLength - 1)
	assert.Equal(t, scenario.StormLength-1, b.Snapshot().Failures)
	b.RecordFailure()
	assert.Equal(t, atomicbreaker.Open, b.State())

	b = newBreaker(scenario.HerdScene)
	b.Trip()
	herd(b)(3 * scenario.HerdLength)
	assert.EqualValues(t, 1+3*2, b.Snapshot().Generation, "a trip, three times half-open and back")
	herd(b)(scenario.HerdLength - 1)
	assert.Equal(t, atomicbreaker.HalfOpen, b.State())
	assert.Equal(t, scenario.HerdLength-1, b.Snapshot().HalfOpenSuccesses)

	b = newBreaker(scenario.HerdScene)
	b.Trip()
	scenario.Spread(herd(b), 64*100*scenario.HerdLength, 64, func() {})
	generations := b.Snapshot().Generation // two for each HerdLength admissions
	assert.Less(t, generations, uint32(64*100), "most calls are admitted")

	b = newBreaker(scenario.HalfOpenScene)
	cycle(b)(10)
	assert.EqualValues(t, 10*3, b.Snapshot().Generation, "ten times open, half-open, closed")
	assert.Equal(t, atomicbreaker.Closed, b.State())
}
