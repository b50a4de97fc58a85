// SPDX-License-Identifier: Apache-2.0

// Package unpacked is the obvious first attempt at a breaker without locks. It is wrong.
package unpacked

import (
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

//go:generate go run ../generate pair permit do

// Subject is unpacked.
var Subject = scenario.Subject{
	Name:  "unpacked",
	Forms: []scenario.Form{pairForm, permitForm, doForm},
	Rule:  scenario.Consecutive,
}

// breaker has the state, the failure count, the deadline and the probes in an atomic each. It is
// fast, and wrong, because values that belong together are read and written separately:
//
//   - Open is stored before its deadline. A reader between the two stores finds an open breaker
//     with the deadline of the previous outage, and sends a probe into the dead sink at once. The
//     other order shows a closed breaker a deadline, and two goroutines that trip at once still mix
//     theirs.
//   - A success clears a count that it has not read: failures that others counted in between are
//     lost, and count toward no trip.
//   - Adding the last failure and storing the state are two steps. A success in between clears the
//     count, but the breaker opens all the same, right after a success.
//   - Nothing ties an outcome to its admission. A late success from before the outage closes a
//     half-open breaker whose probe has not answered. A test shows this.
//
// Trial runs do not find these bugs: each needs another goroutine between two instructions.
type breaker struct {
	state    atomic.Uint32 // 0 closed, 1 open, 2 half-open
	failures atomic.Uint32
	probes   atomic.Int32
	deadline atomic.Int64 // nanoseconds since epoch

	threshold uint32
	maxProbes int32
	timeout   time.Duration
}

const (
	closed uint32 = iota
	opened
	halfOpen
)

var epoch = time.Now()

func newBreaker(s scenario.Scene) *breaker {
	b := &breaker{threshold: uint32(s.Threshold), maxProbes: int32(s.Probes), timeout: time.Hour}
	if s.DueAtOnce {
		b.timeout = 0
	}
	return b
}

func openBreaker() *breaker {
	b := newBreaker(scenario.UsualScene)
	b.Trip()
	return b
}

func (b *breaker) Allow() bool { return b.state.Load() == closed || b.allowSlow() }

func (b *breaker) allowSlow() bool {
	if b.state.Load() == opened {
		early := int64(time.Since(epoch)) < b.deadline.Load()
		if early || !b.state.CompareAndSwap(opened, halfOpen) {
			return false
		}
		b.probes.Store(0)
	}
	return b.probes.Add(1) <= b.maxProbes
}

func (b *breaker) RecordSuccess() {
	if b.state.Load() != closed || b.failures.Load() != 0 {
		b.recordSuccessSlow()
	}
}

func (b *breaker) recordSuccessSlow() {
	b.failures.Store(0)
	if b.state.Load() == halfOpen {
		b.state.Store(closed)
	}
}

func (b *breaker) RecordFailure() {
	if b.state.Load() == halfOpen || b.failures.Add(1) >= b.threshold {
		b.Trip()
	}
}

func (b *breaker) Trip() {
	b.state.Store(opened)
	b.deadline.Store(int64(time.Since(epoch) + b.timeout))
}

func (b *breaker) Reset() {
	b.failures.Store(0)
	b.state.Store(closed)
}

func (b *breaker) Do(fn func() error) error {
	if !b.Allow() {
		return scenario.ErrRejected
	}
	settled := false
	defer func() {
		if !settled {
			b.RecordFailure()
		}
	}()
	err := fn()
	settled = true
	if err == nil {
		b.RecordSuccess()
	} else {
		b.RecordFailure()
	}
	return err
}

// permit carries only the breaker.
type permit struct{ breaker *breaker }

func (b *breaker) TryAcquire() (permit, bool) { return permit{b}, b.Allow() }
func (p permit) Success()                     { p.breaker.RecordSuccess() }
func (p permit) Failure()                     { p.breaker.RecordFailure() }

func succeed() error      { return nil }
func fail() error         { return scenario.ErrSink }
func failAdmitted() error { panic(scenario.UnexpectedAdmit) }
func admitted()           { panic(scenario.UnexpectedAdmit) }
