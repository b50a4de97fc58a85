// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// historySize is how many transitions an Entry shows.
const historySize = 32

// record is what a registry knows about a breaker. The breaker's hook owns the record, so both
// become unreachable together, with all parts that were attached. The registry refers to a record
// weakly, and to its sums.
type record struct {
	registry *Registry
	breaker  *atomicbreaker.Breaker
	group    *membership // nil without one
	id       uint64
	made     time.Time
	detail   atomic.Pointer[detail] // nil until the first transition or Attach
}

// detail is the part of a record that most breakers never need. All that may refer to a breaker is
// here, and not in sums: the parts, and the errors of transitions.
type detail struct {
	sums    *sums                      // its mutex guards the detail as well
	history []atomicbreaker.Transition // a ring, once it has historySize transitions
	oldest  int                        // index in history
	lastErr error
	due     time.Time // when the last open period ends
	parts   []any
}

// sums are what remains of a breaker. They are numbers and refer to nothing of it.
type sums struct {
	mu sync.Mutex // held only to copy
	of totalKey
	counted
	parts partSums // as of the last read
}

// counted is what the hook counts.
type counted struct {
	transitions Transitions
	notClosed   time.Duration
	since       time.Time // notClosed includes the time up to then; zero while closed
}

// count counts a transition.
func (c *counted) count(t atomicbreaker.Transition) {
	c.transitions.count(TransitionKind{t.From, t.To, t.Cause})
	c.advance(t.At)
	if t.To == atomicbreaker.Closed {
		c.since = time.Time{}
	} else if c.since.IsZero() {
		c.since = t.At
	}
}

// advance adds the time up to now to notClosed. A reader calls it as well, so that the sum never
// decreases: a transition that is delivered late may be older than a read.
func (c *counted) advance(now time.Time) {
	if !c.since.IsZero() && now.After(c.since) {
		c.notClosed += now.Sub(c.since)
		c.since = now
	}
}

func (c *counted) add(other *counted) {
	c.transitions.add(&other.transitions)
	c.notClosed += other.notClosed
}

// key says in which Total the breaker counts.
func (r *record) key() totalKey {
	if r.group != nil {
		return totalKey{r.group.name, true}
	}
	return totalKey{r.breaker.Name(), false}
}

// details returns the detail, and makes it if there is none.
func (r *record) details() *detail {
	d := r.detail.Load()
	if d != nil {
		return d
	}
	d = &detail{sums: &sums{of: r.key()}}
	if !r.detail.CompareAndSwap(nil, d) {
		return r.detail.Load()
	}
	r.registry.keep(r.id, d.sums)
	runtime.KeepAlive(r) // it has a slot until here
	return d
}

// due returns when the last open period ended, or will end.
func (r *record) due() (at time.Time) {
	if d := r.detail.Load(); d != nil {
		d.sums.mu.Lock()
		defer d.sums.mu.Unlock()
		at = d.due
	}
	return at
}

// transition is the hook. Its calls do not overlap, and come in the order of the transitions.
func (r *record) transition(t atomicbreaker.Transition) {
	var due time.Time
	if t.To == atomicbreaker.Open {
		// The breaker arms its timer before it publishes, so RetryAfter is that of this period,
		// unless the breaker has already left it.
		due = time.Now().Add(r.breaker.RetryAfter())
	}
	d := r.details()
	if r.group != nil {
		defer r.group.transitions.Add(1) // after due is set
	}
	d.sums.mu.Lock()
	defer d.sums.mu.Unlock()
	d.sums.count(t)
	d.due = due
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
	d := r.details()
	d.sums.mu.Lock()
	defer d.sums.mu.Unlock()
	for _, p := range d.parts {
		if samePart(p, part) {
			return
		}
	}
	d.parts = append(d.parts, part)
}

// read reads the counts of all parts. It holds no lock while it calls them, because a part may call
// functions of the user.
func (d *detail) read() (read []Part) {
	d.sums.mu.Lock()
	parts := d.parts // only appended to
	d.sums.mu.Unlock()
	if len(parts) == 0 {
		return nil
	}
	var now partSums
	for _, part := range parts {
		p, _ := readPart(part)
		now.addPart(&p)
		read = append(read, p)
	}
	d.sums.mu.Lock()
	defer d.sums.mu.Unlock()
	d.sums.parts.raise(&now)
	return read
}

// entry describes the record now.
func (r *record) entry() Entry {
	e := Entry{ID: r.id, Name: r.breaker.Name(), Breaker: r.breaker, Since: r.made}
	if r.group != nil {
		e.Group = r.group.name
	}
	if d := r.detail.Load(); d != nil {
		e.Parts = d.read()
		d.describe(&e)
	}
	e.Snapshot = r.breaker.Snapshot()
	e.RetryAfter = r.breaker.RetryAfter()
	return e
}

// describe copies to e what the hook has counted.
func (d *detail) describe(e *Entry) {
	d.sums.mu.Lock()
	defer d.sums.mu.Unlock()
	d.sums.advance(time.Now())
	e.NotClosed = d.sums.notClosed
	e.Transitions = d.sums.transitions
	e.LastError = d.lastErr
	e.History = slices.Concat(d.history[d.oldest:], d.history[:d.oldest])
	if n := len(e.History); n > 0 {
		e.Since = e.History[n-1].At
	}
}
