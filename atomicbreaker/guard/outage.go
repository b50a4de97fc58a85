// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Outage is one outage that is over: the time from the first record that the primary did not take to
// the next one that it took with the breaker closed again. Failures that did not open the breaker are no
// outage.
//
// Every record that went past the primary in that time is counted, those whose failure opened the
// breaker and those of failed probes included. The report comes when the last of them has reached the
// fallback or was lost. A record that passes the breaker at the very moment of the recovery may count in
// Stats alone, and an outage that begins at that moment may be reported as one with the last.
type Outage struct {
	Name           string // the breaker's
	Began          time.Time
	Duration       time.Duration
	Fallback, Lost uint64 // writes

	// Cause is the failure that opened the breaker, or nil if it was opened by something else than this
	// adapter's records.
	Cause error
}

// Two values that no generation has.
const (
	noGeneration = ^uint32(0)     // the record was turned away: the primary is out for certain
	noOutage     = ^uint32(0) - 1 // the record says nothing about the primary: it belongs to an outage, and begins none
)

// outage is a time of trouble: from the first record that the primary fails to take, to the next one it takes with the
// breaker closed. If the breaker has not opened meanwhile it was a false alarm, and is forgotten.
//
// A record enters before it goes to the fallback and leaves afterwards. The record that ends the outage enters too, and
// sets shut in the same swap, so that no record enters after it. The last one to leave then knows that the counts are
// complete, and reports.
type outage struct {
	began    time.Time
	period   uint32 // the generation in which its first record was admitted; noGeneration if it was turned away
	duration time.Duration
	real     bool

	cause     atomic.Pointer[error] // of the failure that opened the breaker
	turnsAway atomic.Bool           // a record was turned away

	entered    atomic.Uint64 // and shut, once it is over
	total      atomic.Uint64 // entered when the door was shut; 0 before
	left, gone atomic.Uint64
}

const shut = 1 << 63

// tracker keeps the outage that is under way. It is written only when an outage begins and ends, and by the records of it.
type tracker struct {
	breaker  *atomicbreaker.Breaker
	onOutage func(Outage)
	flags    *atomic.Uint32 // the guard's; they say whether current is set

	current atomic.Pointer[outage]
	settled atomic.Uint32 // the generation that ended the last real outage
	outages atomic.Uint64 // reported
}

func (t *tracker) init(b *atomicbreaker.Breaker, flags *atomic.Uint32, onOutage func(Outage)) {
	t.breaker, t.flags, t.onOutage = b, flags, onOutage
	t.settled.Store(noGeneration)
}

// enter takes a record into the outage that is under way, or begins one. It returns nil if the record belongs to no outage.
func (t *tracker) enter(d *diversion) *outage {
	o := t.join(d.period)
	if o == nil {
		return nil
	}
	if d.opened && o.cause.Load() == nil {
		cause := d.cause
		o.cause.CompareAndSwap(nil, &cause)
	}
	if d.period == noGeneration && !o.turnsAway.Load() {
		o.turnsAway.Store(true)
	}
	return o
}

func (t *tracker) join(period uint32) *outage {
	var begun *outage
	for {
		o := t.current.Load()
		if o != nil && o.entered.Add(1)&shut == 0 {
			return o
		}
		if period == noOutage || t.straggles(period) {
			return nil
		}
		if begun == nil {
			begun = &outage{began: time.Now(), period: period}
			begun.entered.Store(1)
		}
		if t.current.CompareAndSwap(o, begun) {
			t.flags.Or(flagOutage)
			return begun
		}
	}
}

// straggles says whether a record that failed in period, and finds no outage under way, belongs to one that has been
// reported since: the breaker is closed, by the recovery that was reported, and was not when the record failed.
func (t *tracker) straggles(period uint32) bool {
	s := t.breaker.Snapshot()
	return s.State == atomicbreaker.Closed && s.Generation != period && s.Generation == t.settled.Load()
}

// taken ends the outage that is under way if the breaker lets records through to the primary, which has just taken one.
func (t *tracker) taken() {
	o := t.current.Load()
	if o == nil {
		t.lower() // in case the last outage ended while its flag was raised again
		return
	}
	for {
		entered := o.entered.Load()
		if entered&shut != 0 {
			return
		}
		// The snapshot comes after the load and before the swap. A record reports its failure before it enters; so if
		// its failure opened the breaker, either the snapshot shows that or the swap fails. No outage is taken for a
		// false alarm.
		s := t.breaker.Snapshot()
		if s.State != atomicbreaker.Closed && s.State != atomicbreaker.ForcedClosed {
			return
		}
		// To open and to close again are two transitions at least; one is ForceClosed, or its end.
		outlived := o.period == noGeneration || o.turnsAway.Load() || (s.Generation-o.period)&word.MaxGeneration >= 2
		if outlived {
			t.settled.Store(s.Generation) // first: a straggler looks for it once shut is set
		}
		if o.entered.CompareAndSwap(entered, (entered+1)|shut) {
			o.real = outlived
			o.duration = time.Since(o.began)
			o.total.Store(entered + 1)
			t.current.CompareAndSwap(o, nil)
			t.lower()
			t.leave(o, false)
			return
		}
	}
}

// lower clears the flag of an outage that is over.
func (t *tracker) lower() {
	if t.flags.Load()&flagOutage == 0 {
		return
	}
	t.flags.And(^flagOutage)
	if t.current.Load() != nil { // begun meanwhile: its flag may be the one that was cleared
		t.flags.Or(flagOutage)
	}
}

// leave counts a record of o out. The last one out reports.
func (t *tracker) leave(o *outage, lost bool) {
	if o == nil {
		return
	}
	if lost {
		o.gone.Add(1)
	}
	if o.left.Add(1) != o.total.Load() || !o.real {
		return
	}
	t.outages.Add(1)
	n := o.gone.Load()
	over := Outage{
		Name: t.breaker.Name(), Began: o.began, Duration: o.duration,
		Fallback: o.left.Load() - 1 - n, Lost: n, // the record that ended the outage was not diverted
	}
	if cause := o.cause.Load(); cause != nil {
		over.Cause = *cause
	}
	t.onOutage(over)
}
