// SPDX-License-Identifier: Apache-2.0

package rivals

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// breakers calls f for every form of call of every breaker that trips by one of the rules.
func breakers(
	t *testing.T, f func(*testing.T, scenario.Subject, scenario.Form), rules ...scenario.Rule,
) {
	t.Helper()
	tested := 0
	for _, subject := range All {
		for _, rule := range rules {
			if subject.Rule != rule {
				continue
			}
			for _, form := range subject.Forms {
				tested++
				t.Run(subject.Name+","+form.Name, func(t *testing.T) { f(t, subject, form) })
			}
		}
	}
	require.NotZero(t, tested)
}

// The benchmarks are valid only if every implementation trips after the fifth failure and not
// before.
func TestRivals_TripAtTheFifthFailure(t *testing.T) {
	breakers(t, func(t *testing.T, _ scenario.Subject, form scenario.Form) {
		t.Helper()
		call := form.New(scenario.UsualScene)
		for i := range scenario.CycleLength {
			require.True(t, call(false), "failure %d", i+1)
		}
		assert.False(t, call(true))
	}, scenario.Consecutive, scenario.Total)
}

// A breaker that counts consecutive failures clears them at a success. A fast implementation may
// claim so and not do it.
func TestRivals_CountConsecutiveFailures(t *testing.T) {
	breakers(t, func(t *testing.T, subject scenario.Subject, form scenario.Form) {
		t.Helper()
		call := form.New(scenario.UsualScene)
		for range 3 {
			for range scenario.CycleLength - 1 {
				call(false)
			}
			call(true)
		}
		assert.Equal(t, subject.Rule == scenario.Consecutive, call(true))
	}, scenario.Consecutive, scenario.Total)
}

func TestRivals_RecoverAndCloseAtASuccess(t *testing.T) {
	breakers(t, func(t *testing.T, _ scenario.Subject, form scenario.Form) {
		t.Helper()
		call := form.New(scenario.HalfOpenScene)
		for range scenario.CycleLength {
			call(false)
		}
		require.Eventually(t, func() bool { return call(true) }, 5e9, 1e6, "no probe was admitted")
		for i := range scenario.CycleLength {
			require.True(t, call(false), "tripped at failure %d after closing", i+1)
		}
	}, scenario.Consecutive, scenario.Total)
}

// Some breakers admit a call every second, or at random, while they are open.
func TestRivals_RejectWhenOpen(t *testing.T) {
	breakers(t, func(t *testing.T, _ scenario.Subject, form scenario.Form) {
		t.Helper()
		call := form.Open()
		admitted := 0
		for range 1000 {
			if call(false) {
				admitted++
			}
		}
		assert.LessOrEqual(t, admitted, 10)
	}, scenario.Consecutive, scenario.Total, scenario.Share)
}

func TestRivals_NeverTripWhenFlaky(t *testing.T) {
	breakers(t, func(t *testing.T, _ scenario.Subject, form scenario.Form) {
		t.Helper()
		call := form.New(scenario.FlakyScene)
		for i := range 1000 {
			require.True(t, call(i%4 != 0), "call %d", i)
		}
	}, scenario.Consecutive, scenario.Total, scenario.Share)
}
