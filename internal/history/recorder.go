// SPDX-License-Identifier: Apache-2.0

package history

import (
	"slices"
	"time"
)

// Recorder takes down what one goroutine does. Each goroutine has its own, filled in memory that it allocated before the
// run, so that recording shares nothing: a counter in common would order the very calls whose order is in question, and
// halve the races.
//
// The stamps are the monotonic clock's. Two of them that are equal make their operations overlap, so a clock that is too
// coarse makes the judge milder and never unjust.
type Recorder struct {
	thread     int
	epoch      time.Time
	operations []Operation
	_          [128]byte // the next goroutine's recorder begins on another cache line
}

// prealloc is more than a drawn program does; a recorder that grows is right, and slower for once.
const prealloc = 64

func newRecorder(thread int, epoch time.Time) *Recorder {
	return &Recorder{thread: thread, epoch: epoch, operations: make([]Operation, 0, prealloc)}
}

// Now is the stamp to take just before a call.
func (r *Recorder) Now() int64 { return int64(time.Since(r.epoch)) }

// Returned takes down an operation that has returned just now, and when it was called.
func (r *Recorder) Returned(call int64, o Operation) { r.Record(call, r.Now(), o) }

// Record takes down an operation with both of its stamps, for one whose end is not where it is recorded.
func (r *Recorder) Record(call, returned int64, o Operation) {
	o.Thread, o.Call, o.Return = r.thread, call, returned
	r.operations = append(r.operations, o)
}

// merge puts the operations of all goroutines into the order of their calls.
func merge(recorders []*Recorder) []Operation {
	var all []Operation
	for _, r := range recorders {
		all = append(all, r.operations...)
	}
	slices.SortStableFunc(all, func(a, b Operation) int {
		if a.Call != b.Call {
			return int(min(1, max(-1, a.Call-b.Call)))
		}
		return a.Thread - b.Thread
	})
	return all
}
