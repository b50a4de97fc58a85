// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/locked"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

type (
	atomicBreaker  = atomicbreaker.Breaker
	mutexBreaker   = locked.Mutex
	rwmutexBreaker = locked.RWMutex
)

// scene is a configuration, for all implementations. Nothing in it depends on time: the recovery timeout is an hour, or
// 0 where a scenario opens the breaker over and over (with it no timer is armed), and the probes may take for ever. So
// the locked variants, which have no timers, do the same.
type scene struct {
	threshold, probes, successes int
	dueAtOnce                    bool
}

var (
	usual    = scene{threshold: 5, probes: 1, successes: 1}
	halfOpen = scene{threshold: 5, probes: 1, successes: 1, dueAtOnce: true}

	// flaky never trips, however many goroutines fail in a row.
	flaky = scene{threshold: word.MaxFailures, probes: 1, successes: 1}

	storm = scene{threshold: stormLength, probes: 1, successes: 1, dueAtOnce: true}

	// herd stays half-open: the probes never close it, because one in herdLength fails, and it is due again at once.
	herd = scene{threshold: 1, probes: 4, successes: word.MaxSuccesses, dueAtOnce: true}
)

const (
	stormLength = 100
	herdLength  = 50
)

// batch is a multiple of every rhythm of a loop: 4, 50, 100 calls.
const batch = 400

func (s scene) params() word.Params {
	return word.Params{
		FailureLimit: uint32(s.threshold), FailureWeight: 1, SuccessWeight: word.MaxFailures,
		MaxCalls: uint32(s.probes), SuccessThreshold: uint32(s.successes), DueAtOnce: s.dueAtOnce,
	}
}

func atomicNew(s scene) *atomicBreaker {
	recovery := time.Hour
	if s.dueAtOnce {
		recovery = 0
	}
	return atomicbreaker.MustNew("bench",
		atomicbreaker.WithFailureThreshold(s.threshold),
		atomicbreaker.WithHalfOpenMaxCalls(s.probes),
		atomicbreaker.WithSuccessThreshold(s.successes),
		atomicbreaker.WithRecoveryTimeout(recovery),
		atomicbreaker.WithProbeTimeout(0),
	)
}

func mutexNew(s scene) *mutexBreaker     { return locked.NewMutex(s.params()) }
func rwmutexNew(s scene) *rwmutexBreaker { return locked.NewRWMutex(s.params()) }
