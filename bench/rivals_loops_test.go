// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// The test runs every loop of every subject: a loop panics if it meets an unexpected state.
func TestSubjects(t *testing.T) {
	for _, subject := range Subjects {
		for s := range subject.Loops {
			t.Run(strings.ReplaceAll(string(s), "/", ",")+","+subject.Name, func(*testing.T) {
				loop := New(s, subject.Name)
				loop(1)
				loop(2*scenario.StormLength + 1)
				scenario.Spread(loop, 500, 8, func() {})
			})
		}
	}
	assert.Nil(t, New(scenario.Pair, "none"))
	assert.Nil(t, New("None", "atomic"))
}

// A subject with one loop of a form has a loop for every scenario of that form, so no table has an
// unexplained gap.
func TestSubjects_FormsAreWhole(t *testing.T) {
	forms := map[string][]scenario.Scenario{
		"pair":   {scenario.Pair, scenario.Reject, scenario.RejectHalfOpen, scenario.Flaky1000, scenario.Flaky100, scenario.Flaky4, scenario.Storm},
		"permit": {scenario.Permit, scenario.RejectPermit, scenario.Flaky1000Permit, scenario.Flaky100Permit, scenario.Flaky4Permit},
		"do":     {scenario.Do, scenario.RejectDo, scenario.Flaky1000Do, scenario.Flaky100Do, scenario.Flaky4Do},
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

// The scenarios whose loops cannot check themselves do what their names say.
func TestScenes(t *testing.T) {
	b := atomicNew(scenario.FlakyScene)
	atomicFlaky(b, 4)(404)
	assert.Equal(t, atomicbreaker.Snapshot{Failures: 1}, b.Snapshot(), "the last of every four fails")

	b = atomicNew(scenario.StormScene)
	atomicStorm(b)(5 * scenario.StormLength)
	assert.Equal(t, atomicbreaker.Snapshot{Generation: 10}, b.Snapshot(), "five trips, five resets")
	atomicStorm(b)(scenario.StormLength - 1)
	assert.Equal(t, scenario.StormLength-1, b.Snapshot().Failures)
	b.RecordFailure()
	assert.Equal(t, atomicbreaker.Open, b.State())

	b = atomicNew(scenario.HerdScene)
	b.Trip()
	atomicHerd(b)(3 * scenario.HerdLength)
	assert.EqualValues(t, 1+3*2, b.Snapshot().Generation, "after the trip, three times half-open and back")
	atomicHerd(b)(scenario.HerdLength - 1)
	assert.Equal(t, atomicbreaker.HalfOpen, b.State())
	assert.Equal(t, scenario.HerdLength-1, b.Snapshot().HalfOpenSuccesses)

	b = atomicNew(scenario.HerdScene)
	b.Trip()
	scenario.Spread(atomicHerd(b), 64*100*scenario.HerdLength, 64, func() {})
	assert.Less(t, b.Snapshot().Generation, uint32(64*100), "two for each herdLength admissions: most are rejected")

	b = atomicNew(scenario.HalfOpenScene)
	atomicCycle(b)(10)
	assert.EqualValues(t, 10*3, b.Snapshot().Generation, "ten times open, half-open, closed")
	assert.Equal(t, atomicbreaker.Closed, b.State())
}
