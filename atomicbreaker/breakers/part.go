// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// Part is what a part that was attached to a breaker has counted. Exactly one of the three pointers
// is not nil.
type Part struct {
	Type    string                // of the part, such as "*breakerio.Writer"
	Writes  *breakerio.Stats      // of an adapter; of a breakerio.Lane, only Late
	Batches *breakerio.BatchStats // of a breakerio.Batcher
	Backlog *guard.Backlog        // of a spool
}

// readPart returns the counts of a part, or false if its type is not known.
func readPart(part any) (Part, bool) {
	p := Part{Type: fmt.Sprintf("%T", part)}
	switch part := part.(type) {
	case interface{ Stats() breakerio.Stats }:
		s := part.Stats()
		p.Writes = &s
	case interface{ Stats() breakerio.BatchStats }:
		s := part.Stats()
		p.Batches = &s
	case interface{ Backlog() guard.Backlog }:
		s := part.Backlog()
		p.Backlog = &s
	case *breakerio.Lane:
		p.Writes = &breakerio.Stats{Late: part.Late()}
	default:
		return Part{}, false
	}
	return p, true
}

// checkPart says what is wrong with a part that cannot be attached.
func checkPart(part any) error {
	if v := reflect.ValueOf(part); !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		return errors.New("want a part, got nil")
	}
	if _, ok := readPart(part); !ok {
		return errors.New("want a *breakerio.Lane, or a method Stats() breakerio.Stats, " +
			"Stats() breakerio.BatchStats or Backlog() guard.Backlog")
	}
	return nil
}

// samePart reports whether a and b are the same part. Two values that Go cannot compare differ.
func samePart(a, b any) bool {
	return reflect.ValueOf(a).Comparable() && reflect.ValueOf(b).Comparable() && a == b
}

// partSums are the sums over parts, as far as they only grow, and the present values of the rest. A
// pointer is nil as long as there was no such part.
type partSums struct {
	writes  *breakerio.Stats
	batches *breakerio.BatchStats
	backlog *guard.Backlog
}

// addPart adds the counts of one part.
func (s *partSums) addPart(p *Part) {
	s.add(&partSums{writes: p.Writes, batches: p.Batches, backlog: p.Backlog})
}

func (s *partSums) add(other *partSums) {
	s.combine(other, func(a, b uint64) uint64 { return a + b })
	if b := other.batches; b != nil {
		s.batches.Waiting += b.Waiting
	}
	if b := other.backlog; b != nil {
		s.backlog.Records += b.Records
		s.backlog.Bytes += b.Bytes
		if at := s.backlog.Oldest; at.IsZero() || !b.Oldest.IsZero() && b.Oldest.Before(at) {
			s.backlog.Oldest = b.Oldest
		}
	}
}

// raise raises each count to that of other, if it is larger. So concurrent readers may call raise
// in any order. Present values are left out.
func (s *partSums) raise(other *partSums) {
	s.combine(other, func(a, b uint64) uint64 { return max(a, b) })
}

// combine replaces each count that only grows by f of it and other's.
func (s *partSums) combine(other *partSums, f func(a, b uint64) uint64) {
	combine(&s.writes, other.writes, writeCounts, f)
	combine(&s.batches, other.batches, batchCounts, f)
	combine(&s.backlog, other.backlog, backlogCounts, f)
}

func combine[T any](to **T, from *T, counts func(*T) []*uint64, f func(a, b uint64) uint64) {
	if from == nil {
		return
	}
	if *to == nil {
		*to = new(T)
	}
	more := counts(from)
	for i, c := range counts(*to) {
		*c = f(*c, *more[i])
	}
}

// The counts that only grow.

func writeCounts(s *breakerio.Stats) []*uint64 {
	return []*uint64{
		&s.Fallback, &s.Lost, &s.Rejected, &s.Failed, &s.Panicked, &s.Busy, &s.RecordErrors,
		&s.Slow, &s.Torn, &s.FallbackTorn, &s.Late, &s.Outages,
	}
}

func batchCounts(s *breakerio.BatchStats) []*uint64 {
	return []*uint64{&s.Records, &s.Batches, &s.Overflowed}
}

func backlogCounts(s *guard.Backlog) []*uint64 {
	return []*uint64{&s.Appended, &s.Replayed, &s.Repeated, &s.Dropped, &s.Corrupt}
}
