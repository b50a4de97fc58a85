// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// options says in the breaker's words what c says in the model's. A model that counts with weights has no option: the
// caller adds WithFailureRate, and must know its weights.
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

// counts is a configuration whose real timers never fire during a test, so that the test posts the time itself.
func counts(failures, maxCalls, successes int) model.Config {
	return model.Config{
		FailureThreshold: failures, HalfOpenMaxCalls: maxCalls, SuccessThreshold: successes,
		RecoveryTimeout: 24 * time.Hour, ProbeTimeout: 24 * time.Hour,
	}
}

// stateOf reads a word in the model's terms.
func stateOf(w word.Word) model.State {
	return model.State{
		Phase: model.Phase(w.Phase()), Generation: w.Generation(), Attempt: int(w.Attempt()),
		Failures: int(w.Failures()), Calls: int(w.Calls()), Successes: int(w.Successes()),
	}
}

// wordOf is stateOf's inverse.
func wordOf(s model.State) word.Word {
	return word.Pack(word.Fields{Phase: word.Phase(s.Phase), Generation: s.Generation, Attempt: uint32(s.Attempt), Failures: uint32(s.Failures), Calls: uint32(s.Calls), Successes: uint32(s.Successes)})
}

// told reads a transition in the model's terms.
func told(t atomicbreaker.Transition) model.Transition {
	return model.Transition{
		From: t.From.String(), To: t.To.String(), Generation: t.Generation, Cause: t.Cause.String(),
		Failures: t.Failures, Attempt: t.Attempt,
	}
}
