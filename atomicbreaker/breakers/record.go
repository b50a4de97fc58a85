// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"sync"
	"time"
	"weak"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// historySize is how many transitions an Entry shows.
const historySize = 32

// record is what the registry knows about a breaker. The breaker's hook owns the record, so both
// become unreachable together, with all parts that were attached. The registry refers to the record
// weakly. All that must not keep a breaker alive, and all that may refer to one, is here: the parts
// and the errors of transitions.
type record struct {
	tally   *tally
	breaker *atomicbreaker.Breaker
	made    time.Time
	detail  *detail // nil until the first transition or Attach; tally.mu guards it
}

// detail is the part of a record that most breakers never need.
type detail struct {
	history []atomicbreaker.Transition // a ring, once it has historySize transitions
	oldest  int                        // index in history
	lastErr error
	due     time.Time // when the last open period ends
	parts   []any
}

// tally is the part of a record that the registry keeps. It holds numbers and refers to nothing of
// the breaker, so that the totals outlive it.
type tally struct {
	mu sync.Mutex // guards counted, seen and record.detail; held only to copy

	id      uint64
	of      totalKey
	breaker weak.Pointer[atomicbreaker.Breaker] // the tally's key in the registry
	record  weak.Pointer[record]
	counted *counted  // nil until the first transition
	seen    *partSums // what the parts had counted when they were last read; nil without a part
}

// counted is what the hook counts.
type counted struct {
	transitions Transitions
	notClosed   time.Duration
	since       time.Time // notClosed includes the time up to then; zero while closed
}

// advance adds the time up to now to notClosed. A reader calls it as well, so that the sum never
// decreases: a transition that is delivered late has a time before that of a read.
func (c *counted) advance(now time.Time) {
	if !c.since.IsZero() && now.After(c.since) {
		c.notClosed += now.Sub(c.since)
		c.since = now
	}
}

// transition is the hook. Its calls do not overlap, and come in the order of the transitions.
func (r *record) transition(t atomicbreaker.Transition) {
	var due time.Time
	if t.To == atomicbreaker.Open {
		// The breaker arms its timer before it publishes, so RetryAfter is exact, unless the
		// breaker has already moved on.
		due = time.Now().Add(r.breaker.RetryAfter())
	}
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	r.tally.count(t)
	d := r.details()
	d.add(t)
	d.due = due
}

// details returns the detail, and makes it if there is none. The caller holds tally.mu.
func (r *record) details() *detail {
	if r.detail == nil {
		r.detail = new(detail)
	}
	return r.detail
}

func (t *tally) count(tr atomicbreaker.Transition) {
	if t.counted == nil {
		t.counted = new(counted)
	}
	c := t.counted
	c.transitions.count(TransitionKind{tr.From, tr.To, tr.Cause})
	c.advance(tr.At)
	if tr.To == atomicbreaker.Closed {
		c.since = time.Time{}
	} else if c.since.IsZero() {
		c.since = tr.At
	}
}

func (d *detail) add(t atomicbreaker.Transition) {
	if t.Err != nil {
		d.lastErr = t.Err
	}
	if len(d.history) < historySize {
		d.history = append(d.history, t)
		return
	}
	d.history[d.oldest] = t
	d.oldest = (d.oldest + 1) % historySize
}

// attach adds a part unless the record has it.
func (r *record) attach(part any) {
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	d := r.details()
	for _, p := range d.parts {
		if samePart(p, part) {
			return
		}
	}
	d.parts = append(d.parts, part)
}

// readParts reads the counts of all parts. It holds no lock while it calls them, because a part may
// call functions of the user.
func (r *record) readParts() (read []Part) {
	r.tally.mu.Lock()
	var parts []any
	if r.detail != nil {
		parts = r.detail.parts // only appended to
	}
	r.tally.mu.Unlock()
	if len(parts) == 0 {
		return nil
	}
	var sums partSums
	for _, part := range parts {
		p, _ := readPart(part)
		sums.addPart(&p)
		read = append(read, p)
	}
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	if r.tally.seen == nil {
		r.tally.seen = new(partSums)
	}
	r.tally.seen.raise(&sums)
	return read
}

// entry describes the record now.
func (r *record) entry() Entry {
	e := Entry{
		ID:      r.tally.id,
		Name:    r.breaker.Name(),
		Breaker: r.breaker,
		Since:   r.made,
		Parts:   r.readParts(),
	}
	if r.tally.of.group {
		e.Group = r.tally.of.name
	}
	r.tally.mu.Lock()
	defer r.tally.mu.Unlock()
	if c := r.tally.counted; c != nil {
		c.advance(time.Now())
		e.NotClosed = c.notClosed
		e.Transitions = c.transitions
	}
	if d := r.detail; d != nil {
		e.LastError = d.lastErr
		e.History = append(append(e.History, d.history[d.oldest:]...), d.history[:d.oldest]...)
		if n := len(e.History); n > 0 {
			e.Since = e.History[n-1].At
		}
	}
	e.Snapshot = r.breaker.Snapshot()
	e.RetryAfter = r.breaker.RetryAfter()
	return e
}
