// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Outage describes an outage that has ended. An outage begins with the first record that the
// primary did not take, and ends with the next record that it took while the breaker was closed
// again. Failures that did not open the breaker are not an outage.
//
// The counts include every record that bypassed the primary in that time, including those that
// opened the breaker and those of failed probes. The outage is reported when the last of these
// records has reached the fallback or is lost. A record that is rejected at the moment of the
// recovery may be counted only in Stats. An outage that begins at that moment may be merged with
// the previous one.
type Outage struct {
	Name           string // the breaker's
	Began          time.Time
	Duration       time.Duration // from Began until the primary took a record again
	Fallback, Lost uint64        // writes

	// Cause is the failure that opened the breaker, or nil if something other than a record of this
	// adapter opened it.
	Cause error
}

// Periods that are not generations.
const (
	noGeneration = ^uint32(0)     // the record was rejected, so there is an outage
	noOutage     = ^uint32(0) - 1 // the record may join an outage, but does not begin one
)

// outage covers the time from the first record that the primary fails to take to the next record
// that it takes with the breaker closed. If the breaker did not open in between, the outage is a
// false alarm and is discarded.
//
// A record enters before it goes to the fallback and leaves afterwards. The record that ends the
// outage enters too, and sets sealed in the same swap, so that no record enters after it. The last
// record to leave therefore knows that the counts are complete, and reports them.
type outage struct {
	began    time.Time
	period   uint32 // the generation that admitted the first record; noGeneration if it was rejected
	duration time.Duration
	real     bool

	cause   atomic.Pointer[error] // the failure that opened the breaker
	rejects atomic.Bool           // a record was rejected

	entered    atomic.Uint64 // records that entered; includes sealed once the outage is over
	total      atomic.Uint64 // entered at the time of sealing; 0 before
	left, lost atomic.Uint64
}

const sealed = 1 << 63

// tracker keeps the current outage. Only the records of an outage write to it.
type tracker struct {
	breaker  *atomicbreaker.Breaker
	onOutage func(Outage)
	flags    *atomic.Uint32 // the guard's; flagOutage says whether current is set

	current atomic.Pointer[outage]
	settled atomic.Uint32 // the generation that ended the last real outage
	outages atomic.Uint64 // outages reported
}

// init sets the fields that the zero value lacks.
func (t *tracker) init(b *atomicbreaker.Breaker, flags *atomic.Uint32, onOutage func(Outage)) {
	t.breaker, t.flags, t.onOutage = b, flags, onOutage
	t.settled.Store(noGeneration)
}

// enter adds a record to the current outage, or begins one. It returns nil if the record belongs to
// no outage.
func (t *tracker) enter(d *diversion) *outage {
	o := t.join(d.period)
	if o == nil {
		return nil
	}
	if d.opened && o.cause.Load() == nil {
		cause := d.cause
		o.cause.CompareAndSwap(nil, &cause)
	}
	if d.period == noGeneration && !o.rejects.Load() {
		o.rejects.Store(true)
	}
	return o
}

// join returns the current outage for a record that failed in period. If there is none, join begins
// one, or returns nil if the record cannot begin one.
func (t *tracker) join(period uint32) *outage {
	var begun *outage
	for {
		o := t.current.Load()
		if o != nil && o.entered.Add(1)&sealed == 0 {
			return o
		}
		if period == noOutage || t.isLate(period) {
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

// isLate reports whether a record that failed in period belongs to an outage that has already
// ended: the recovery that ended the last outage also began the current generation, which is not
// the record's. The caller has found no current outage.
func (t *tracker) isLate(period uint32) bool {
	s := t.breaker.Snapshot()
	return s.State == atomicbreaker.Closed &&
		s.Generation != period && s.Generation == t.settled.Load()
}

// recovered ends the current outage, if there is one, after the primary has taken a record. It does
// nothing unless the breaker is closed.
func (t *tracker) recovered() {
	o := t.current.Load()
	if o == nil {
		t.clearFlag() // the last outage may have ended while another goroutine set the flag
		return
	}
	for {
		entered := o.entered.Load()
		if entered&sealed != 0 {
			return
		}
		// Take the snapshot after the load and before the swap. A record reports its failure before
		// it enters, so if its failure opened the breaker, either the snapshot shows that or the
		// swap fails. No outage is mistaken for a false alarm.
		s := t.breaker.Snapshot()
		if s.State != atomicbreaker.Closed && s.State != atomicbreaker.ForcedClosed {
			return
		}
		// Opening and closing again takes at least two transitions. A single one is the beginning
		// or the end of ForcedClosed.
		outlived := o.period == noGeneration || o.rejects.Load() ||
			(s.Generation-o.period)&word.MaxGeneration >= 2
		if outlived {
			t.settled.Store(s.Generation) // before sealed is set, because isLate reads it afterwards
		}
		if o.entered.CompareAndSwap(entered, (entered+1)|sealed) {
			o.real = outlived
			o.duration = time.Since(o.began)
			o.total.Store(entered + 1)
			t.current.CompareAndSwap(o, nil)
			t.clearFlag()
			t.leave(o, false)
			return
		}
	}
}

// clearFlag clears the flag of an outage that is over.
func (t *tracker) clearFlag() {
	if t.flags.Load()&flagOutage == 0 {
		return
	}
	t.flags.And(^flagOutage)
	if t.current.Load() != nil { // a new outage began: its flag may have been cleared
		t.flags.Or(flagOutage)
	}
}

// leave removes a record from o. The last record to leave reports the outage.
func (t *tracker) leave(o *outage, lost bool) {
	if o == nil {
		return
	}
	if lost {
		o.lost.Add(1)
	}
	if o.left.Add(1) != o.total.Load() || !o.real {
		return
	}
	t.outages.Add(1)
	n := o.lost.Load()
	over := Outage{
		Name: t.breaker.Name(), Began: o.began, Duration: o.duration,
		Fallback: o.left.Load() - 1 - n, Lost: n, // excludes the record that ended the outage
	}
	if cause := o.cause.Load(); cause != nil {
		over.Cause = *cause
	}
	t.onOutage(over)
}
