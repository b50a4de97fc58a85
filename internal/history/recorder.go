// SPDX-License-Identifier: Apache-2.0

package history

import (
	"slices"
	"time"
)

// Recorder records the operations of one goroutine. Each goroutine has its own, in memory allocated
// before the run, so that recording shares nothing: a common counter would order the very calls
// whose order is in question, and halve the number of races.
//
// The stamps come from the monotonic clock. Operations with equal stamps overlap, so a coarse clock
// makes the judge more lenient, and never makes it reject a correct history.
type Recorder struct {
	thread     int
	epoch      time.Time
	operations []Operation
	_          [128]byte // the next goroutine's recorder begins on another cache line
}

// prealloc exceeds the length of a drawn program. A recorder that grows works, but is slower once.
const prealloc = 64

func newRecorder(thread int, epoch time.Time) *Recorder {
	return &Recorder{thread: thread, epoch: epoch, operations: make([]Operation, 0, prealloc)}
}

// Now returns the stamp to take just before a call.
func (r *Recorder) Now() int64 { return int64(time.Since(r.epoch)) }

// Returned records an operation that has just returned, with the stamp of its call.
func (r *Recorder) Returned(call int64, o Operation) { r.Record(call, r.Now(), o) }

// Record records an operation with both of its stamps, for one that ended before it is recorded.
func (r *Recorder) Record(call, returned int64, o Operation) {
	o.Thread, o.Call, o.Return = r.thread, call, returned
	r.operations = append(r.operations, o)
}

// merge returns the operations of all goroutines in the order of their calls.
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
