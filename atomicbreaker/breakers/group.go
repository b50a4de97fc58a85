// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// Group keeps one breaker for each key, such as a worker, a tenant or an endpoint. Create it with
// [NewGroup]. Its methods are safe for concurrent use.
//
// A Group has a fixed number of places, and gives a breaker up if it needs one for another key:
//
//  1. one that is closed and has neither failures nor attempts counted, because it equals a new one
//  2. otherwise, of those that are open with the recovery timeout over, the one for which it has
//     been over the longest
//  3. otherwise, of the closed ones, the one that was made first
//
// It never gives up a breaker that is half-open, forced, or open with the recovery timeout running.
// If all are, Get returns a breaker that all further keys share, until a place is free. So neither
// a flood of keys nor an outage of all sinks makes Get fail or the memory grow.
//
// A breaker that was given up keeps working for the callers that have it. The next Get of its key
// makes another one, and the two then count failures separately.
type Group[K comparable] struct {
	registry *Registry
	retained *retained // the sums of all groups of the name
	of       *membership
	max      int
	options  func(K) []atomicbreaker.Option

	evicted, overflowed atomic.Uint64

	mu      sync.RWMutex // guards members; Get of a known key takes only this lock
	members map[K]*record

	places sync.Mutex // held by the caller that fills a place; guards the fields below
	order  []member[K]
	next   int     // where the search for a place begins
	shared *record // nil until all places are taken for the first time

	// What the last search without a result found. Until one of these two changes, there is no
	// place.
	seen uint64    // of.transitions before the search
	due  time.Time // when the recovery timeout of the first breaker is over; zero: search
}

type member[K comparable] struct {
	key    K
	record *record
}

// membership is what the records of a group refer to. They must not refer to the group, because a
// breaker in use would then keep all others.
type membership struct {
	name        string
	transitions atomic.Uint64 // of all breakers of the group, also of those that were given up
}

// maxGroup is the largest size of a group.
const maxGroup = 1 << 20

// GroupOption configures a [Group].
type GroupOption func(*groupConfig)

type groupConfig struct{ name string }

// WithGroupName sets the name under which metrics sum the group's breakers. Several groups may have
// the same name. The breaker of a key is named after both, as in "tenants/42", and the shared one
// only after the group. The default is "group".
func WithGroupName(name string) GroupOption {
	return func(c *groupConfig) { c.name = name }
}

// NewGroup returns a group of at most size breakers, 1 to 1,048,576. It panics if the size is out
// of range. 4,096 is a good choice: the breakers then use about 3 MB.
//
// options returns the options for a key; nil means no options. The group calls it without a lock,
// and possibly more than once for a key. The shared breaker gets those of the first key that finds
// no place.
//
// The breakers are registered in r, as [Registry.New] does it, and [Entry.Group] names the group.
// In [Registry.Totals] they have one [Total] together. If r is nil, they are not registered.
func NewGroup[K comparable](
	r *Registry, size int, options func(K) []atomicbreaker.Option, opts ...GroupOption,
) *Group[K] {
	if size < 1 || size > maxGroup {
		panic(fmt.Sprintf("breakers: group of %d breakers: want 1..%d", size, maxGroup))
	}
	config := groupConfig{name: "group"}
	for _, opt := range opts {
		opt(&config)
	}
	if r == nil {
		r = NewRegistry() // which nobody reads
	}
	if options == nil {
		options = func(K) []atomicbreaker.Option { return nil }
	}
	g := &Group[K]{
		registry: r, of: &membership{name: config.name}, max: size, options: options,
		members: make(map[K]*record),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	g.retained = r.retain(totalKey{g.of.name, true})
	return g
}

// Get returns the breaker of key, and makes it at the first call. Keep the pointer where the key is
// used often: a call of Get costs many times a call of the breaker.
//
// Get panics if the options for the key are out of range. A key that does not equal itself, such as
// a NaN, gets the shared breaker.
func (g *Group[K]) Get(key K) *atomicbreaker.Breaker {
	if rec := g.lookup(key); rec != nil {
		return rec.breaker
	}
	return g.place(key, g.options(key)).breaker
}

func (g *Group[K]) lookup(key K) *record {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.members[key]
}

// place makes a breaker for key if there is room, or returns the shared one.
func (g *Group[K]) place(key K, opts []atomicbreaker.Option) *record {
	g.places.Lock()
	defer g.places.Unlock()
	if rec := g.lookup(key); rec != nil {
		return rec // another goroutine was faster
	}
	at := len(g.order)
	if at == g.max {
		at = g.victim()
	}
	if at < 0 || key != key { // a map cannot find a NaN again
		return g.overflow(opts)
	}
	rec := g.register(fmt.Sprintf("%s/%v", g.of.name, key), opts)
	g.mu.Lock()
	defer g.mu.Unlock()
	if at == len(g.order) {
		g.order = append(g.order, member[K]{})
	} else {
		delete(g.members, g.order[at].key)
		g.evicted.Add(1)
		g.retained.evicted.Add(1)
	}
	g.order[at] = member[K]{key, rec}
	g.members[key] = rec
	return rec
}

func (g *Group[K]) overflow(opts []atomicbreaker.Option) *record {
	if g.shared == nil {
		g.shared = g.register(g.of.name, opts)
	}
	g.overflowed.Add(1)
	g.retained.overflowed.Add(1)
	return g.shared
}

func (g *Group[K]) register(name string, opts []atomicbreaker.Option) *record {
	rec, err := g.registry.register(name, g.of, opts)
	if err != nil {
		panic(err)
	}
	return rec
}

// victim returns the place of the breaker to give up, or -1. Each search begins after the place
// that the previous one found, so that it does not pass the same busy breakers again and again.
func (g *Group[K]) victim() int {
	if !g.mayHaveVictim() {
		return -1
	}
	g.seen = g.of.transitions.Load() // before the search: a later one makes the next call search
	g.due = time.Time{}
	due, closed, cooling := -1, -1, never
	for i := range g.order {
		at := (g.next + i) % len(g.order)
		rec := g.order[at].record
		switch s := rec.breaker.Snapshot(); {
		case s.State == atomicbreaker.Closed && s.Failures == 0 && s.Attempt == 0:
			g.next = at + 1
			return at
		case s.ProbeDue && (due < 0 || rec.due().Before(g.order[due].record.due())):
			due = at
		case s.State == atomicbreaker.Closed && (closed < 0 || rec.id < g.order[closed].record.id):
			closed = at
		case s.State == atomicbreaker.Open && rec.due().Before(cooling):
			cooling = rec.due()
		}
	}
	switch {
	case due >= 0:
		return due
	case closed < 0:
		g.due = cooling
	}
	return closed
}

// never is a time that does not come.
var never = time.Unix(1<<40, 0)

// mayHaveVictim reports whether a search may find a breaker to give up. If the last one found none,
// all were open, half-open or forced. Only a transition, or the end of a recovery timeout, changes
// that.
func (g *Group[K]) mayHaveVictim() bool {
	return g.of.transitions.Load() != g.seen || !time.Now().Before(g.due)
}

// GroupStats describes a [Group].
type GroupStats struct {
	Breakers   int                                 // how many there are, without the shared one
	States     [atomicbreaker.ForcedClosed + 1]int // of them, in each [atomicbreaker.State]
	ProbesDue  int                                 // how many are open with the recovery timeout over
	Evicted    uint64                              // breakers given up for another key
	Overflowed uint64                              // calls of Get that returned the shared breaker
}

// Stats returns the counts so far and reads the state of each breaker.
func (g *Group[K]) Stats() GroupStats {
	s := GroupStats{Evicted: g.evicted.Load(), Overflowed: g.overflowed.Load()}
	g.mu.RLock()
	defer g.mu.RUnlock()
	s.Breakers = len(g.members)
	for _, rec := range g.members {
		now := rec.breaker.Snapshot()
		s.States[now.State]++
		if now.ProbeDue {
			s.ProbesDue++
		}
	}
	return s
}
