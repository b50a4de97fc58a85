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
	slots    []slot // in the order of the IDs
	sweepAt  int    // sweep when there are so many slots
	retained map[totalKey]*retained
}

// slot is a registered breaker, or one that was dropped since the last sweep.
type slot struct {
	id     uint64
	record weak.Pointer[record]
	sums   *sums // nil until the first transition or Attach
}

// Default is the registry for programs that need only one. The package itself does not use it.
var Default = NewRegistry()

// NewRegistry returns an empty registry.
func NewRegistry() *Registry {
	return &Registry{sweepAt: minSweep, retained: make(map[totalKey]*retained)}
}

// lastID is the ID of the newest breaker of any registry.
var lastID atomic.Uint64

// New makes a breaker as [atomicbreaker.New] does, and registers it. The name need not be unique.
//
// The breaker has one more hook of [atomicbreaker.WithOnTransition], which counts its transitions.
// It runs before those of opts, so in them the [Entry] includes the transition. It costs
// nothing between transitions.
//
// The registry does not keep the breaker in memory. When the program drops the breaker, it leaves
// the registry, and its counts stay in [Registry.Totals].
func (r *Registry) New(name string, opts ...atomicbreaker.Option) (*atomicbreaker.Breaker, error) {
	rec, err := r.register(name, nil, opts)
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

// register makes a breaker, of a group unless group is nil.
func (r *Registry) register(
	name string, group *membership, opts []atomicbreaker.Option,
) (*record, error) {
	rec := &record{registry: r, group: group, made: time.Now()}
	hook := atomicbreaker.WithOnTransition(rec.transition)
	b, err := atomicbreaker.New(name, slices.Insert(slices.Clone(opts), 0, hook)...)
	if err != nil {
		_, err = atomicbreaker.New(name, opts...) // an error that counts the options without the hook
		return nil, err
	}
	rec.breaker = b
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.slots) >= r.sweepAt {
		r.sweep()
	}
	rec.id = lastID.Add(1)
	r.slots = append(r.slots, slot{id: rec.id, record: weak.Make(rec)})
	return rec, nil
}

// minSweep is the least number of slots that New sweeps.
const minSweep = 64

// sweep removes the slots of dropped breakers and keeps their sums. New sweeps each time the number
// of slots has doubled, and every read sweeps. A cleanup of the runtime would free a slot at once,
// but takes more memory than the slot and the record. The caller holds mu.
func (r *Registry) sweep() {
	r.slots = slices.DeleteFunc(r.slots, func(s slot) bool {
		if s.record.Value() != nil {
			return false
		}
		if s.sums != nil {
			r.retain(s.sums.of).addSums(s.sums)
		}
		return true
	})
	r.sweepAt = max(minSweep, 2*len(r.slots))
}

// keep makes the sums of a breaker outlive it.
func (r *Registry) keep(id uint64, s *sums) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.find(id).sums = s
}

// find returns the slot of a breaker, or nil. The caller holds mu.
func (r *Registry) find(id uint64) *slot {
	i, ok := slices.BinarySearchFunc(r.slots, id, func(s slot, id uint64) int {
		return cmp.Compare(s.id, id)
	})
	if !ok {
		return nil
	}
	return &r.slots[i]
}

// Attach shows what a part of b has counted with b: in [Entry] and [Registry.Totals]. Known parts
// are a breakerio.Writer, Batcher and Lane, a breakerslog.Handler, a breakerzap.Core, a
// breakerzerolog.LevelWriter, a breakerspool.Spool, and all that have a method
// Stats() breakerio.Stats, Stats() breakerio.BatchStats or Backlog() guard.Backlog. That method is
// called in Attach and with each read of the registry, so it must be safe for concurrent use.
//
// A breaker may have several parts. To attach a part again changes nothing. Do not attach a Lane
// that is the primary of an attached Writer, because the Writer counts for it. The registry does
// not keep a part in memory; the breaker does.
//
// Attach returns an error if r did not make b, or if the type of the part is not known.
func (r *Registry) Attach(b *atomicbreaker.Breaker, part any) error {
	if b == nil {
		return fmt.Errorf("breakers: attach %T: want a breaker, got nil", part)
	}
	fail := func(err error) error {
		return fmt.Errorf("breakers: attach %T to breaker %q: %w", part, b.Name(), err)
	}
	rec := r.recordOf(b)
	if rec == nil {
		return fail(errors.New("this registry did not make the breaker"))
	}
	if err := checkPart(part); err != nil {
		return fail(err)
	}
	rec.attach(part)
	rec.details().read()
	runtime.KeepAlive(b)
	return nil
}

// recordOf returns the record of b, or nil. It begins with the newest, because most parts are
// attached right after New.
func (r *Registry) recordOf(b *atomicbreaker.Breaker) *record {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range slices.Backward(r.slots) {
		if rec := s.record.Value(); rec != nil && rec.breaker == b {
			return rec
		}
	}
	return nil
}

// All returns the breakers of r, in the order in which they were made. It includes those that exist
// when the loop begins and are still in use when it reaches them. An Entry is read when the loop
// reaches it. The loop body may call any method of r and of the breakers.
func (r *Registry) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		for _, s := range r.list() {
			if rec := s.record.Value(); rec != nil && !yield(rec.entry()) {
				return
			}
		}
	}
}

// Lookup returns the breakers of that name, in the order in which they were made.
func (r *Registry) Lookup(name string) (found []Entry) {
	for _, s := range r.list() {
		if rec := s.record.Value(); rec != nil && rec.breaker.Name() == name {
			found = append(found, rec.entry())
		}
	}
	return found
}

// ByID returns the breaker with that [Entry.ID], or false if it is gone or r never had it.
func (r *Registry) ByID(id uint64) (Entry, bool) {
	r.mu.Lock()
	var rec *record
	if s := r.find(id); s != nil {
		rec = s.record.Value()
	}
	r.mu.Unlock()
	if rec == nil {
		return Entry{}, false
	}
	return rec.entry(), true
}

// list returns a copy of the slots. They have no strong reference to a breaker.
func (r *Registry) list() []slot {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sweep()
	return slices.Clone(r.slots)
}
