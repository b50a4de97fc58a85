// SPDX-License-Identifier: Apache-2.0

// Package rwmutex is a control: the state machine of this library behind a sync.RWMutex.
package rwmutex

import (
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
	"github.com/sinkguard/go-atomicbreaker/internal/locked"
)

//go:generate go run ../generate pair permit do

// Subject is rwmutex.
var Subject = scenario.Subject{
	Name:  "rwmutex",
	Forms: []scenario.Form{pairForm, permitForm, doForm},
	Rule:  scenario.Consecutive,
}

type breaker = locked.RWMutex

func newBreaker(s scenario.Scene) *breaker { return locked.NewRWMutex(s.Params()) }

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	b.Trip()
	return b
}

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }
