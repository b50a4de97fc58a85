// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"cmp"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Total sums the breakers of one name, or all breakers of the groups of one name. It is made for
// metrics: a counter includes the breakers that the program has dropped, so it never decreases.
type Total struct {
	Name  string
	Group bool // whether Name is that of a [Group]

	// Of the breakers in use.

	Breakers   int                                 // how many there are
	States     [atomicbreaker.ForcedClosed + 1]int // how many are in each [atomicbreaker.State]
	ProbesDue  int                                 // how many are open with the recovery timeout over
	Failures   int                                 // the sum
	Attempt    int                                 // the largest
	RetryAfter time.Duration                       // the longest

	// Of all breakers.

	Transitions Transitions
	NotClosed   time.Duration // the sum

	// Of all attached parts. A pointer is nil if no such part was ever attached. Batches.Waiting,
	// and Records, Bytes and Oldest of Backlog, are those of the breakers in use. The other counts
	// of a dropped breaker are those of the last read of the registry before it was dropped.

	Writes  *breakerio.Stats
	Batches *breakerio.BatchStats
	Backlog *guard.Backlog

	// Of groups.

	Evicted    uint64 // breakers that the groups gave up for another key
	Overflowed uint64 // calls of Get that returned the shared breaker
}

// totalKey says in which Total a breaker counts.
type totalKey struct {
	name  string
	group bool
}

// Others is the name of the [Total] of the dropped breakers for which there is no room.
const Others = "(others)"

// maxRetained is how many names the registry keeps after their breakers are gone.
const maxRetained = 1024

// retained is what remains of the breakers of one name that are gone.
type retained struct {
	counted
	parts               partSums
	evicted, overflowed atomic.Uint64
}

// Totals returns the sums by name, in the order of the names. It reads each breaker and each part
// once.
//
// The sums of dropped breakers stay, for up to 1,024 names. Beyond that, they are added to a Total
// named [Others]. The name of breakers that counted nothing takes no room. So if names come from
// outside the program, the memory is bounded, and the counts of a name beyond the bound move to
// Others with its last breaker.
func (r *Registry) Totals() []Total {
	totals := make(map[totalKey]*Total)
	at := func(k totalKey) *Total {
		t := totals[k]
		if t == nil {
			t = &Total{Name: k.name, Group: k.group}
			totals[k] = t
		}
		return t
	}
	r.mu.Lock()
	r.sweep()
	slots := slices.Clone(r.slots) // a breaker that is dropped from now on is here, and not retained
	for k, kept := range r.retained {
		at(k).addRetained(kept)
	}
	r.mu.Unlock()
	for _, s := range slots {
		if rec := s.record.Value(); rec != nil {
			at(rec.key()).addRecord(rec)
		} else if s.sums != nil {
			at(s.sums.of).addSums(s.sums)
		}
	}
	sorted := make([]Total, 0, len(totals))
	for _, t := range totals {
		sorted = append(sorted, *t)
	}
	slices.SortFunc(sorted, func(a, b Total) int {
		if c := cmp.Compare(a.Name, b.Name); c != 0 || a.Group == b.Group {
			return c
		}
		if b.Group {
			return -1
		}
		return 1
	})
	return sorted
}

// addRecord adds a breaker in use. It does not make an Entry, whose history may be long.
func (t *Total) addRecord(r *record) {
	s := r.breaker.Snapshot()
	t.Breakers++
	t.States[s.State]++
	if s.ProbeDue {
		t.ProbesDue++
	}
	t.Failures += s.Failures
	t.Attempt = max(t.Attempt, s.Attempt)
	t.RetryAfter = max(t.RetryAfter, r.breaker.RetryAfter())
	d := r.detail.Load()
	if d == nil {
		return
	}
	var parts partSums
	for _, p := range d.read() {
		parts.addPart(&p)
	}
	t.addParts(&parts)
	d.sums.mu.Lock()
	defer d.sums.mu.Unlock()
	d.sums.advance(time.Now())
	t.addCounted(&d.sums.counted)
	runtime.KeepAlive(r) // what read has found is in the sums before they are retained
}

// addSums adds a breaker that was dropped.
func (t *Total) addSums(s *sums) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.addCounted(&s.counted)
	t.addParts(&s.parts)
}

func (t *Total) addRetained(kept *retained) {
	t.addCounted(&kept.counted)
	t.addParts(&kept.parts)
	t.Evicted += kept.evicted.Load()
	t.Overflowed += kept.overflowed.Load()
}

func (t *Total) addCounted(c *counted) {
	t.Transitions.add(&c.transitions)
	t.NotClosed += c.notClosed
}

func (t *Total) addParts(more *partSums) {
	sums := partSums{writes: t.Writes, batches: t.Batches, backlog: t.Backlog}
	sums.add(more)
	t.Writes, t.Batches, t.Backlog = sums.writes, sums.batches, sums.backlog
}

// addSums adds a breaker that was dropped.
func (kept *retained) addSums(s *sums) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept.add(&s.counted)
	kept.parts.add(&s.parts)
}

// retain returns where the sums of k stay. The caller holds mu.
func (r *Registry) retain(k totalKey) *retained {
	kept := r.retained[k]
	if kept == nil && len(r.retained) >= maxRetained {
		k = totalKey{name: Others}
		kept = r.retained[k]
	}
	if kept == nil {
		kept = new(retained)
		r.retained[k] = kept
	}
	return kept
}
