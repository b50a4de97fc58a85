// SPDX-License-Identifier: Apache-2.0

package rivals

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

func TestMain(m *testing.M) { scenario.RunTests(m) }

// The test runs every loop of every subject: a loop panics if it meets an unexpected state.
func TestSubjects(t *testing.T) {
	for _, subject := range All {
		for s := range subject.All() {
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

// Every library has forms of call and a rule, so that the tests of behavior include it.
func TestLibraries(t *testing.T) {
	for _, subject := range Libraries {
		assert.NotEmpty(t, subject.Forms, subject.Name)
		assert.NotZero(t, subject.Rule, subject.Name)
	}
}
