// SPDX-License-Identifier: Apache-2.0

package rwmutex

import (
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/locked"
)

var Subject = scenario.Subject{Name: "rwmutex", Loops: scenario.Merge(pairLoops, permitLoops, doLoops)}

type Breaker = locked.RWMutex

func New(s scenario.Scene) *Breaker { return locked.NewRWMutex(s.Params()) }

func Open() *Breaker {
	b := New(scenario.UsualScene)
	b.Trip()
	return b
}

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }
