// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// The test runs every loop of every subject: a loop panics if it meets an unexpected state.
func TestSubjects(t *testing.T) {
	for _, subject := range Subjects {
		for s := range subject.Loops {
			t.Run(strings.ReplaceAll(string(s), "/", ",")+","+subject.Name, func(*testing.T) {
				loop := New(s, subject.Name)
				loop(1)
				loop(2*stormLength + 1)
				Spread(loop, 500, 8, func() {})
			})
		}
	}
	assert.Nil(t, New(Pair, "none"))
	assert.Nil(t, New("None", "atomic"))
}

// A subject with one loop of a form has a loop for every scenario of that form, so no table has an
// unexplained gap.
func TestSubjects_FormsAreWhole(t *testing.T) {
	forms := map[string][]Scenario{
		"pair":   {Pair, Reject, RejectHalfOpen, Flaky1000, Flaky100, Flaky4, Storm},
		"permit": {Permit, RejectPermit, Flaky1000Permit, Flaky100Permit, Flaky4Permit},
		"do":     {Do, RejectDo, Flaky1000Do, Flaky100Do, Flaky4Do},
	}
	want := map[string]string{
		"atomic": "pair permit do", "mutex": "pair permit do", "rwmutex": "pair permit do", "unpacked": "pair permit do",
		"gobreaker": "permit do", "failsafe": "permit do", "rubyist": "permit do", "gozero": "permit do",
		"eapache": "do", "hystrix": "do", "handy": "permit",
	}
	for _, subject := range Subjects {
		for form := range strings.FieldsSeq(want[subject.Name]) {
			for _, s := range forms[form] {
				assert.Contains(t, subject.Loops, s, subject.Name)
			}
		}
	}
}

func TestSpread(t *testing.T) {
	for _, c := range []struct{ n, g int }{{1, 1}, {7, 1}, {7, 2}, {7, 7}, {3, 8}, {1000, 64}} {
		var turns, calls atomic.Int64
		ready := 0
		Spread(func(n int) { turns.Add(int64(n)); calls.Add(1) }, c.n, c.g, func() {
			ready++
			assert.Zero(t, calls.Load(), "%v", c)
		})
		assert.Equal(t, 1, ready)
		assert.EqualValues(t, c.n, turns.Load(), "%v", c)
		assert.EqualValues(t, c.g, calls.Load(), "%v", c)
	}
}

func TestMerge(t *testing.T) {
	one := map[Scenario]func() Loop{Pair: clock}
	require.Len(t, merge(one, map[Scenario]func() Loop{Do: clock}), 2)
	assert.Panics(t, func() { merge(one, one) })
}

// The scenarios whose loops cannot check themselves do what their names say.
func TestScenes(t *testing.T) {
	b := atomicNew(flaky)
	atomicFlaky(b, 4)(404)
	assert.Equal(t, atomicbreaker.Snapshot{Failures: 1}, b.Snapshot(), "the last of every four fails")

	b = atomicNew(storm)
	atomicStorm(b)(5 * stormLength)
	assert.Equal(t, atomicbreaker.Snapshot{Generation: 10}, b.Snapshot(), "five trips, five resets")
	atomicStorm(b)(stormLength - 1)
	assert.Equal(t, stormLength-1, b.Snapshot().Failures)
	b.RecordFailure()
	assert.Equal(t, atomicbreaker.Open, b.State())

	b = atomicNew(herd)
	b.Trip()
	atomicHerd(b)(3 * herdLength)
	assert.EqualValues(t, 1+3*2, b.Snapshot().Generation, "after the trip, three times half-open and back")
	atomicHerd(b)(herdLength - 1)
	assert.Equal(t, atomicbreaker.HalfOpen, b.State())
	assert.Equal(t, herdLength-1, b.Snapshot().HalfOpenSuccesses)

	b = atomicNew(herd)
	b.Trip()
	Spread(atomicHerd(b), 64*100*herdLength, 64, func() {})
	assert.Less(t, b.Snapshot().Generation, uint32(64*100), "two for each herdLength admissions: most are rejected")

	b = atomicNew(halfOpen)
	atomicCycle(b)(10)
	assert.EqualValues(t, 10*3, b.Snapshot().Generation, "ten times open, half-open, closed")
	assert.Equal(t, atomicbreaker.Closed, b.State())
}
