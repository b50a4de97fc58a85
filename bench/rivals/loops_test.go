// SPDX-License-Identifier: Apache-2.0

package rivals

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// The test runs every loop of every subject: a loop panics if it meets an unexpected state.
func TestSubjects(t *testing.T) {
	for _, subject := range All {
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
	for _, subject := range All {
		for form := range strings.FieldsSeq(want[subject.Name]) {
			for _, s := range forms[form] {
				assert.Contains(t, subject.Loops, s, subject.Name)
			}
		}
	}
}
