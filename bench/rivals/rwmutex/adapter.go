// SPDX-License-Identifier: Apache-2.0

package rwmutex

import (
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/locked"
)

var Subject = scenario.Subject{Name: "rwmutex", Loops: scenario.Merge(rwmutexPairLoops, rwmutexPermitLoops, rwmutexDoLoops)}

type Breaker = locked.RWMutex

func New(s scenario.Scene) *Breaker { return locked.NewRWMutex(s.Params()) }

func Open() *Breaker {
	b := New(scenario.UsualScene)
	b.Trip()
	return b
}

func rwmutexSucceed() error      { return nil }
func rwmutexFail() error         { return scenario.ErrSink }
func rwmutexFailAdmitted() error { panic(scenario.UnexpectedAdmit) }
func rwmutexAdmitted()           { panic(scenario.UnexpectedAdmit) }
