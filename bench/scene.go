// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"errors"
	"math"
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

// scene is a configuration for all implementations that can be configured so; their files describe
// the exceptions. Nothing in it depends on time: the recovery timeout is an hour, or the shortest
// possible one where a scenario opens the breaker over and over, and probes never time out. Here
// the shortest timeout is 0, with which no timer is armed, as in the locked variants, which have no
// timers.
type scene struct {
	threshold, probes, successes int
	dueAtOnce                    bool
}

var (
	usual    = scene{threshold: cycleLength, probes: 1, successes: 1}
	halfOpen = scene{threshold: cycleLength, probes: 1, successes: 1, dueAtOnce: true}

	// flaky never trips, however many goroutines fail in a row.
	flaky = scene{threshold: word.MaxFailures, probes: 1, successes: 1}

	storm = scene{threshold: stormLength, probes: 1, successes: 1, dueAtOnce: true}

	// herd stays half-open: the probes never close it, because one in herdLength fails, and it is
	// due again at once.
	herd = scene{threshold: 1, probes: 4, successes: word.MaxSuccesses, dueAtOnce: true}
)

const (
	stormLength = 100
	herdLength  = 50
	cycleLength = 5
)

// never is the threshold of flaky for implementations that accept any number.
func (s scene) never() int {
	if s.threshold == word.MaxFailures {
		return math.MaxInt32
	}
	return s.threshold
}

// timeout is the recovery timeout for implementations in which 0 selects a default.
func (s scene) timeout() time.Duration {
	if s.dueAtOnce {
		return time.Nanosecond
	}
	return time.Hour
}

func (s scene) params() word.Params {
	return word.Params{
		FailureLimit: uint32(s.threshold), FailureWeight: 1, SuccessWeight: word.MaxFailures,
		MaxCalls: uint32(s.probes), SuccessThreshold: uint32(s.successes), DueAtOnce: s.dueAtOnce,
	}
}

func atomicNew(s scene, more ...atomicbreaker.Option) *atomicBreaker {
	recovery := time.Hour
	if s.dueAtOnce {
		recovery = 0
	}
	return atomicbreaker.MustNew("bench", append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(s.threshold),
		atomicbreaker.WithHalfOpenMaxCalls(s.probes),
		atomicbreaker.WithSuccessThreshold(s.successes),
		atomicbreaker.WithRecoveryTimeout(recovery),
		atomicbreaker.WithProbeTimeout(0),
	}, more...)...)
}

func mutexNew(s scene) *mutexBreaker     { return locked.NewMutex(s.params()) }
func rwmutexNew(s scene) *rwmutexBreaker { return locked.NewRWMutex(s.params()) }

func atomicOpen() *atomicBreaker {
	b := atomicNew(usual)
	b.Trip()
	return b
}

func mutexOpen() *mutexBreaker {
	b := mutexNew(usual)
	b.Trip()
	return b
}

func rwmutexOpen() *rwmutexBreaker {
	b := rwmutexNew(usual)
	b.Trip()
	return b
}

var (
	errSink     = errors.New("the sink failed")
	errRejected = errors.New("rejected")
)

// These are the guarded functions. They have a name for each implementation because not all take a
// func() error.

func atomicSucceed() error  { return nil }
func mutexSucceed() error   { return nil }
func rwmutexSucceed() error { return nil }

func atomicFail() error  { return errSink }
func mutexFail() error   { return errSink }
func rwmutexFail() error { return errSink }

// Where every call must be rejected, a measurement of a breaker that admits one is invalid. (Two of
// the rivals admit one call every second, in any configuration.)

func atomicFailAdmitted() error  { panic(unexpectedAdmit) }
func mutexFailAdmitted() error   { panic(unexpectedAdmit) }
func rwmutexFailAdmitted() error { panic(unexpectedAdmit) }

func atomicAdmitted()  { panic(unexpectedAdmit) }
func mutexAdmitted()   { panic(unexpectedAdmit) }
func rwmutexAdmitted() { panic(unexpectedAdmit) }
