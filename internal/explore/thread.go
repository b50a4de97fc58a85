// SPDX-License-Identifier: Apache-2.0

package explore

import "iter"

// Thread is one of the threads of a [Scheduler]. It runs its functions on one goroutine at a time,
// so a run of the scheduler is deterministic.
type Thread struct {
	// First and Last are the steps, from 1, of the first and the last access of the running
	// operation to the memory of [Scheduler.Access], or 0. They are the tightest interval there is,
	// and so the strictest to judge an operation by.
	First, Last int

	run    func() // what to do in this run
	ended  int    // operations that access nothing any more
	count  int    // operations that have returned
	seen   uint64 // a hash of all that the thread has seen in this run
	resume func() (struct{}, bool)
	stop   func()
	pause  func(struct{}) bool
	done   bool
}

// Returned ends the running operation.
func (t *Thread) Returned() {
	t.First, t.Last = 0, 0
	t.count++
	t.ended = t.count
}

// Ending says that the running operation accesses nothing any more, although it has not returned.
func (t *Thread) Ending() { t.ended = t.count + 1 }

// New returns a scheduler of n threads, which live until [Scheduler.Close]. Each is a coroutine, so
// its functions must not call [runtime.Goexit].
func New(n int) *Scheduler {
	s := &Scheduler{}
	for range n {
		t := &Thread{done: true}
		t.resume, t.stop = iter.Pull(func(pause func(struct{}) bool) {
			t.pause = pause
			for pause(struct{}{}) { // one round a run: it waits here for the next
				t.run()
				t.done = true
			}
		})
		t.resume()
		s.threads = append(s.threads, t)
	}
	return s
}

// NewGoroutines is New with threads that may call [runtime.Goexit]: each function runs on a
// goroutine of its own. A switch of threads takes about ten times as long.
func NewGoroutines(n int) *Scheduler {
	s := &Scheduler{}
	for range n {
		t := &Thread{done: true, stop: func() {}}
		turn, over := make(chan struct{}), make(chan struct{})
		t.pause = func(struct{}) bool {
			over <- struct{}{}
			<-turn
			return true
		}
		running := false
		t.resume = func() (struct{}, bool) {
			if running {
				turn <- struct{}{}
			} else {
				running = true
				go func() {
					defer func() {
						running, t.done = false, true
						over <- struct{}{}
					}()
					t.run()
				}()
			}
			<-over
			return struct{}{}, true
		}
		s.threads = append(s.threads, t)
	}
	return s
}
