// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"errors"
	"fmt"
	"iter"
)

// scheduler runs a few threads one access at a time, in an order that is chosen step by step: it is what atomic_explore.go's
// points ask before each access. A thread is a coroutine, so one run is one goroutine's work and is the same every time.
//
// An interleaving is a list of choices, one for each step: which of the threads that are not done moves next. next walks
// through all of them depth first: it repeats the run with the last choice changed that can still be.
type scheduler struct {
	threads []*thread
	running *thread

	choices []choice // of the run under way or just over
	step    int
}

type choice struct{ taken, of int }

// endless is several times the accesses of the longest run, 73: without locks nobody waits for anybody, so every
// schedule ends.
const endless = 500

var errEndless = errors.New("no end in sight")

type thread struct {
	run    func() // what to do in this run
	first  int    // step of its first access to the word since it was set to 0
	last   int    // step of its last one
	resume func() (struct{}, bool)
	stop   func()
	pause  func(struct{}) bool
	done   bool
}

// newScheduler starts n threads, which live until close.
func newScheduler(n int) *scheduler {
	s := &scheduler{}
	for range n {
		th := &thread{done: true}
		th.resume, th.stop = iter.Pull(func(pause func(struct{}) bool) {
			th.pause = pause
			for pause(struct{}{}) { // one round a run: it waits here for the next
				th.run()
				th.done = true
			}
		})
		th.resume()
		s.threads = append(s.threads, th)
	}
	return s
}

// close ends the threads, but for those of a run that saw no end: unpaused they would find none either.
func (s *scheduler) close() {
	for _, th := range s.threads {
		if th.done {
			th.stop()
		}
	}
}

// before ends the running thread's step: others may move before it goes on. Outside a run nobody is asked.
func (s *scheduler) before() {
	if s.running != nil {
		s.running.pause(struct{}{})
	}
}

// beforeWord is before, of an access to the word: the interval of an operation goes from its first one to its last,
// which is the tightest there is and so the strictest to judge by.
func (s *scheduler) beforeWord() {
	th := s.running
	if th == nil {
		return
	}
	th.pause(struct{}{})
	if th.last = s.step; th.first == 0 {
		th.first = s.step
	}
}

// run makes one interleaving: the given choices, and the first thread that is not done after that. Each thread's first
// step goes up to its first access, and is not a choice, since nothing shared happens in it.
func (s *scheduler) run(programs []func()) error {
	s.step = 0
	for i, program := range programs {
		s.threads[i].run, s.threads[i].done = program, false
	}
	live := make([]*thread, 0, 8)
	for _, th := range s.threads[:len(programs)] {
		s.move(th)
		if !th.done {
			live = append(live, th)
		}
	}
	for len(live) > 0 {
		if s.step == len(s.choices) {
			s.choices = append(s.choices, choice{0, len(live)})
		}
		at := s.choices[s.step].taken % len(live)
		s.choices[s.step].of = len(live)
		if s.step++; s.step > endless {
			return errEndless
		}
		th := live[at]
		if s.move(th); th.done {
			live = append(live[:at], live[at+1:]...)
		}
	}
	s.choices = s.choices[:s.step]
	return nil
}

func (s *scheduler) move(th *thread) {
	s.running = th
	th.resume()
	s.running = nil
}

// next chooses the next interleaving and reports whether there is one.
func (s *scheduler) next() bool {
	for n := len(s.choices) - 1; n >= 0; n-- {
		if c := &s.choices[n]; c.taken+1 < c.of {
			c.taken++
			s.choices = s.choices[:n+1]
			return true
		}
	}
	s.choices = s.choices[:0]
	return false
}

// String tells the choices, so that a run can be repeated.
func (s *scheduler) String() string {
	taken := make([]int, len(s.choices))
	for i, c := range s.choices {
		taken[i] = c.taken
	}
	return fmt.Sprint(taken)
}
