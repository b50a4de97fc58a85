// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/locked"
)

type (
	atomicBreaker  = atomicbreaker.Breaker
	mutexBreaker   = locked.Mutex
	rwmutexBreaker = locked.RWMutex
)

func atomicNew(s scenario.Scene, more ...atomicbreaker.Option) *atomicBreaker {
	recovery := time.Hour
	if s.DueAtOnce {
		recovery = 0
	}
	return atomicbreaker.MustNew("bench", append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(s.Threshold),
		atomicbreaker.WithHalfOpenMaxCalls(s.Probes),
		atomicbreaker.WithSuccessThreshold(s.Successes),
		atomicbreaker.WithRecoveryTimeout(recovery),
		atomicbreaker.WithProbeTimeout(0),
	}, more...)...)
}

func mutexNew(s scenario.Scene) *mutexBreaker     { return locked.NewMutex(s.Params()) }
func rwmutexNew(s scenario.Scene) *rwmutexBreaker { return locked.NewRWMutex(s.Params()) }

func atomicOpen() *atomicBreaker {
	b := atomicNew(scenario.UsualScene)
	b.Trip()
	return b
}

func mutexOpen() *mutexBreaker {
	b := mutexNew(scenario.UsualScene)
	b.Trip()
	return b
}

func rwmutexOpen() *rwmutexBreaker {
	b := rwmutexNew(scenario.UsualScene)
	b.Trip()
	return b
}

// These are the guarded functions. They have a name for each implementation because not all take a
// func() error.

func atomicSucceed() error  { return nil }
func mutexSucceed() error   { return nil }
func rwmutexSucceed() error { return nil }

func atomicFail() error  { return scenario.ErrSink }
func mutexFail() error   { return scenario.ErrSink }
func rwmutexFail() error { return scenario.ErrSink }

// Where every call must be rejected, a measurement of a breaker that admits one is invalid. (Two of
// the rivals admit one call every second, in any configuration.)

func atomicFailAdmitted() error  { panic(scenario.UnexpectedAdmit) }
func mutexFailAdmitted() error   { panic(scenario.UnexpectedAdmit) }
func rwmutexFailAdmitted() error { panic(scenario.UnexpectedAdmit) }

func atomicAdmitted()  { panic(scenario.UnexpectedAdmit) }
func mutexAdmitted()   { panic(scenario.UnexpectedAdmit) }
func rwmutexAdmitted() { panic(scenario.UnexpectedAdmit) }
