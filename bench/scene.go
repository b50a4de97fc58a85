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

// scene is a configuration, for all implementations that can be configured so; their files say what they cannot. Nothing
// in it depends on time: the recovery timeout is an hour, or the shortest there is where a scenario opens the breaker
// over and over, and the probes may take for ever. Here that shortest one is 0, with which no timer is armed, so that
// the locked variants, which have no timers, do the same.
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

	// herd stays half-open: the probes never close it, because one in herdLength fails, and it is due again at once.
	herd = scene{threshold: 1, probes: 4, successes: word.MaxSuccesses, dueAtOnce: true}
)

const (
	stormLength = 100
	herdLength  = 50
	cycleLength = 5
)

// never is the threshold of flaky for who takes any number.
func (s scene) never() int {
	if s.threshold == word.MaxFailures {
		return math.MaxInt32
	}
	return s.threshold
}

// timeout is the recovery timeout for who takes 0 for a default of his own.
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
	errSink       = errors.New("the sink failed")
	errTurnedAway = errors.New("turned away")
)

// What the calls are given to do. They have a name for each implementation because not all take a func() error.

func atomicSucceed() error  { return nil }
func mutexSucceed() error   { return nil }
func rwmutexSucceed() error { return nil }

func atomicFail() error  { return errSink }
func mutexFail() error   { return errSink }
func rwmutexFail() error { return errSink }

// Where every call is to be turned away, a breaker that lets one through is no measurement. (Two of the rivals let one
// through every second, whatever they are told.)

func atomicFailAdmitted() error  { panic(letThrough) }
func mutexFailAdmitted() error   { panic(letThrough) }
func rwmutexFailAdmitted() error { panic(letThrough) }

func atomicAdmitted()  { panic(letThrough) }
func mutexAdmitted()   { panic(letThrough) }
func rwmutexAdmitted() { panic(letThrough) }
