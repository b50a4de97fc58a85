// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// options converts c to the breaker's options. There is no option for weights: for a model that has
// them, the caller adds WithFailureRate and must know the weights it gives.
func options(c model.Config) []atomicbreaker.Option {
	opts := []atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(c.FailureThreshold),
		atomicbreaker.WithRecoveryTimeout(c.RecoveryTimeout),
		atomicbreaker.WithProbeTimeout(c.ProbeTimeout),
		atomicbreaker.WithHalfOpenMaxCalls(c.HalfOpenMaxCalls),
		atomicbreaker.WithSuccessThreshold(c.SuccessThreshold),
	}
	if c.BackoffMax > 0 {
		opts = append(opts, atomicbreaker.WithBackoff(c.BackoffMax))
	}
	return opts
}

// counts is a configuration whose real timers never fire during a test. The test posts their events
// itself.
func counts(failures, maxCalls, successes int) model.Config {
	return model.Config{
		FailureThreshold: failures, HalfOpenMaxCalls: maxCalls, SuccessThreshold: successes,
		RecoveryTimeout: 24 * time.Hour, ProbeTimeout: 24 * time.Hour,
	}
}

// stateOf converts a word to the model's state.
func stateOf(w word.Word) model.State {
	return model.State{
		Phase: model.Phase(w.Phase()), Generation: w.Generation(), Attempt: int(w.Attempt()),
		Failures: int(w.Failures()), Calls: int(w.Calls()), Successes: int(w.Successes()),
	}
}

// wordOf is the inverse of stateOf.
func wordOf(s model.State) word.Word {
	return word.Pack(word.Fields{Phase: word.Phase(s.Phase), Generation: s.Generation, Attempt: uint32(s.Attempt), Failures: uint32(s.Failures), Calls: uint32(s.Calls), Successes: uint32(s.Successes)})
}

// asModel converts a transition to the model's.
func asModel(t atomicbreaker.Transition) model.Transition {
	return model.Transition{
		From: t.From.String(), To: t.To.String(), Generation: t.Generation, Cause: t.Cause.String(),
		Failures: t.Failures, Attempt: t.Attempt,
	}
}
