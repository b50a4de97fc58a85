// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A breaker with the configuration of another one makes the same decisions.
func TestConfig_OfABreakerMakesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		opts := []Option{
			WithFailureThreshold(rapid.IntRange(1, 300).Draw(t, "failures")),
			WithHalfOpenMaxCalls(rapid.IntRange(1, 255).Draw(t, "probes")),
			WithSuccessThreshold(rapid.IntRange(1, 255).Draw(t, "successes")),
			WithRecoveryTimeout(time.Duration(rapid.Int64Range(0, 1e9).Draw(t, "recovery"))),
			WithProbeTimeout(time.Duration(rapid.Int64Range(0, 1e12).Draw(t, "probe"))),
			WithJitter(rapid.Float64Range(0, 10).Draw(t, "jitter")),
		}
		exact := true
		switch rapid.IntRange(0, 2).Draw(t, "rate") {
		case 1:
			opts = append(opts, WithFailureRate(float64(rapid.IntRange(1, 999).Draw(t, "of 1000"))/1000))
		case 2:
			opts = append(opts, WithFailureRate(rapid.Float64Range(1e-4, 1).Draw(t, "of")))
			exact = false
		}
		if rapid.Bool().Draw(t, "backoff") {
			opts = append(opts, WithBackoff(time.Duration(rapid.Int64Range(1e9, 1e18).Draw(t, "of"))))
		}
		if rapid.Bool().Draw(t, "slow") {
			opts = append(opts, WithSlowThreshold(time.Duration(rapid.Int64Range(1, 1e18).Draw(t, "of"))))
		}
		if rapid.Bool().Draw(t, "dry run") {
			opts = append(opts, WithDryRun())
		}
		b, err := New("sink", opts...)
		if err != nil {
			return // a rate that does not fit the threshold
		}
		same, err := New("sink", b.Config().Options()...)
		require.NoError(t, err, "%v", b.Config())
		if exact {
			require.Equal(t, b.params, same.params, "%v", b.Config())
			require.Equal(t, b.Config(), same.Config())
		}
		require.InEpsilon(t, balance(b), balance(same), 3*closeEnough, "%v", b.Config())
		require.Equal(t, b.timing, same.timing)
		require.Equal(t, b.admitting, same.admitting)
	})
}

// balance returns the share of failures at which the weights of b balance.
func balance(b *Breaker) float64 {
	return weights{int(b.params.FailureWeight), int(b.params.SuccessWeight)}.share()
}
