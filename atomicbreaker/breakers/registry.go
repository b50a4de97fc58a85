// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// Registry knows the breakers that it made, as long as the program uses them. Create it with
// [NewRegistry]. Its methods are safe for concurrent use, also in hooks.
type Registry struct {
	mu       sync.Mutex
	tallies  map[weak.Pointer[atomicbreaker.Breaker]]*tally
	retained map[totalKey]*retained
	dropped  func(*tally) // drop, made once
}

// Default is the registry for programs that need only one. The package itself does not use it.
var Default = NewRegistry()

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	r := &Registry{
		tallies:  make(map[weak.Pointer[atomicbreaker.Breaker]]*tally),
		retained: make(map[totalKey]*retained),
	}
	r.dropped = r.drop
	return r
}

// lastID is the ID of the newest breaker of any registry.
var lastID atomic.Uint64

// New makes a breaker as [atomicbreaker.New] does, and registers it. The name need not be unique.
//
// The breaker has one more hook of [atomicbreaker.WithOnTransition], which counts its transitions.
// It runs before those of opts, so in them the [Entry] includes the transition. The hook takes about
// a microsecond for each transition, and nothing between transitions.
//
// The registry does not keep the breaker in memory. When the program drops the breaker, it leaves
// the registry, and its counts stay in [Registry.Totals].
func (r *Registry) New(name string, opts ...atomicbreaker.Option) (*atomicbreaker.Breaker, error) {
	rec, err := r.register(name, totalKey{name: name}, opts)
	if err != nil {
		return nil, err
	}
	return rec.breaker, nil
}

// MustNew is like [Registry.New] but panics if New returns an error.
func (r *Registry) MustNew(name string, opts ...atomicbreaker.Option) *atomicbreaker.Breaker {
	b, err := r.New(name, opts...)
	if err != nil {
		panic(err)
	}
	return b
}

// register makes a breaker whose counts belong to of.
func (r *Registry) register(name string, of totalKey, opts []atomicbreaker.Option) (*record, error) {
	t := &tally{of: of}
	rec := &record{tally: t, made: time.Now()}
	hook := atomicbreaker.WithOnTransition(rec.transition)
	b, err := atomicbreaker.New(name, slices.Insert(slices.Clone(opts), 0, hook)...)
	if err != nil {
		_, err = atomicbreaker.New(name, opts...) // an error that counts the options without the hook
		return nil, err
	}
	rec.breaker = b
	t.id = lastID.Add(1)
	t.breaker, t.record = weak.Make(b), weak.Make(rec)
	r.mu.Lock()
	r.tallies[t.breaker] = t
	r.mu.Unlock()
	runtime.AddCleanup(rec, r.dropped, t)
	return rec, nil
}

// Attach shows what a part of b has counted with b: in [Entry] and [Registry.Totals]. Known parts
// are a breakerio.Writer, Batcher and Lane, a breakerslog.Handler, a breakerzap.Core, a
// breakerzerolog.LevelWriter, a breakerspool.Spool, and all that have a method
// Stats() breakerio.Stats, Stats() breakerio.BatchStats or Backlog() guard.Backlog. That method is
// called with each read of the registry, so it must be safe for concurrent use.
//
// A breaker may have several parts. To attach a part again changes nothing. Do not attach a Lane
// that is the primary of an attached Writer, because the Writer counts for it. Attach reads the
// part once. The registry does not keep a part in memory; the breaker does.
//
// Attach returns an error if r did not make b, or if the type of the part is not known.
func (r *Registry) Attach(b *atomicbreaker.Breaker, part any) error {
	if b == nil {
		return fmt.Errorf("breakers: attach %T: want a breaker, got nil", part)
	}
	fail := func(err error) error {
		return fmt.Errorf("breakers: attach %T to breaker %q: %w", part, b.Name(), err)
	}
	r.mu.Lock()
	t := r.tallies[weak.Make(b)]
	r.mu.Unlock()
	if t == nil {
		return fail(errors.New("this registry did not make the breaker"))
	}
	if err := checkPart(part); err != nil {
		return fail(err)
	}
	rec := t.record.Value() // b is in use, so its record is as well
	rec.attach(part)
	rec.readParts()
	runtime.KeepAlive(b)
	return nil
}

// All returns the breakers of r, in the order in which they were made. It includes those that exist
// when the loop begins and are still in use when it reaches them. An Entry is read when the loop
// reaches it. The loop body may call any method of r and of the breakers.
func (r *Registry) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, t := range r.list() {
			if rec := t.record.Value(); rec != nil && !yield(rec.entry()) {
				return
			}
		}
	}
}

// Lookup returns the breakers of that name, in the order in which they were made.
func (r *Registry) Lookup(name string) (found []Entry) {
	for _, t := range r.list() {
		if !t.of.group && t.of.name != name {
			continue
		}
		if rec := t.record.Value(); rec != nil && rec.breaker.Name() == name {
			found = append(found, rec.entry())
		}
	}
	return found
}

// ByID returns the breaker with that [Entry.ID], or false if it is gone or r never had it.
func (r *Registry) ByID(id uint64) (Entry, bool) {
	for _, t := range r.list() {
		if t.id != id {
			continue
		}
		if rec := t.record.Value(); rec != nil {
			return rec.entry(), true
		}
	}
	return Entry{}, false
}

// list returns all tallies in the order of their IDs. The registry is not locked afterwards.
func (r *Registry) list() []*tally {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listLocked()
}

func (r *Registry) listLocked() []*tally {
	list := make([]*tally, 0, len(r.tallies))
	for _, t := range r.tallies {
		list = append(list, t)
	}
	slices.SortFunc(list, func(a, b *tally) int { return cmp.Compare(a.id, b.id) })
	return list
}
