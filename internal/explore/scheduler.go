// SPDX-License-Identifier: Apache-2.0

//go:build explore

package atomicbreaker

import (
	"errors"
	"fmt"
	"iter"
	"math/bits"
	"slices"
)

// scheduler runs a few threads one access at a time, in an order that is chosen step by step: it is what atomic_explore.go's
// points ask before each access. A thread is a coroutine, so one run is one goroutine's work and is the same every time.
//
// An interleaving is a list of choices, one for each step: which of the threads that are not done moves next. next walks
// through all of them depth first: it repeats the run with the last choice changed that can still be.
//
// Most interleavings lead to a state that an earlier one has led to, and from there on they are the same. Where shared is
// set, a run that comes to a state whose futures have all been run stands for as many interleavings, and is not judged.
// With a clock, the earliest pending timer may fire at any step, which moves virtual time to its
// deadline. What it does then is one more thread, whose accesses come in any order with the others'.
type scheduler struct {
	threads []*thread
	running *thread
	clock   *virtualTime               // nil: there are no timers
	expire  func(*runtimeTimer) func() // what the thread of a timer that fires does
	spare   int                        // threads for timers: so many can fire in a run
	shared  func() (word, rest uint64) // what the threads share; nil: every interleaving is run
	own     bool                       // each access adds what it has read to seen; if not, a move adds all that is shared
	forget  bool                       // what a thread has seen does not matter once it is done, because nobody judges it
	started []func()                   // what the running thread started; each goes on in a thread that is done

	choices []choice // of the run under way or just over
	step    int
	known   map[state]int // the states whose futures have all been run, and how many those were
}

// choice is one step: taken is which of the live threads moves, futures how many runs from here are over.
type choice struct {
	taken, of int
	state     state
	futures   int
}

// state is what the futures of a run follow from, and what the judge makes of its past: the values that are shared, and
// for each thread all that it has seen. Where it stands and what it was answered follow from that, because a thread is
// deterministic.
type state struct {
	word, rest uint64
	seen       [maxThreads]uint64
}

func (s *scheduler) state() (at state) {
	at.word, at.rest = s.shared()
	for i, th := range s.threads {
		if i < len(at.seen) {
			at.seen[i] = th.seen
		} else {
			at.rest = mix(at.rest, th.seen)
		}
	}
	return at
}

// maxThreads bounds the threads of a run, those of timers included.
const maxThreads = 6

// mix adds v to the hash h. Neither order nor zeros are lost.
func mix(h, v uint64) uint64 {
	h = (bits.RotateLeft64(h, 25) ^ (v+1)*0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd
	return h ^ h>>32
}

// endless is several times the accesses of the longest run, 73: without locks nobody waits for anybody, so every
// schedule ends.
const endless = 500

var errEndless = errors.New("no end in sight")

type thread struct {
	run    func() // what to do in this run
	first  int    // step of its first access to the word since it was set to 0, from 1
	last   int    // step of its last one
	told   int    // operations that have returned in this run
	ended  int    // the same, and one that will not access the word again
	seen   uint64 // a hash of all that it has seen in this run
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
	if th.last = s.step + 1; th.first == 0 {
		th.first = th.last
		for _, other := range s.threads { // to the judge, these ended before this one began
			th.seen = mix(th.seen, uint64(other.ended))
		}
	}
}

// run makes one interleaving: the given choices, and the first thread that is not done after that. Each thread's first
// step goes up to its first access, and is not a choice, since nothing shared happens in it. It returns how many
// interleavings the run stands for: 1, or the futures of a known state, which need no judge.
func (s *scheduler) run(programs []func()) (futures int, err error) {
	s.step = 0
	for _, th := range s.threads {
		th.seen = 0
	}
	live := make([]*thread, 0, 8)
	for i, program := range programs {
		live = s.begin(live, s.threads[i], program, 0)
	}
	timers := s.threads[len(s.threads)-s.spare:]
	for ; ; s.step++ {
		if s.step > endless {
			return 0, errEndless
		}
		// The options: each live thread moves, or the run ends if there is none; and the earliest
		// timer fires.
		options := max(1, len(live))
		if len(timers) > 0 && len(s.clock.timers) > 0 {
			options++
		} else if len(live) == 0 {
			break
		}
		if s.step == len(s.choices) && futures == 0 {
			c := choice{of: options}
			if s.shared != nil && options > 1 {
				c.state = s.state()
				futures = s.known[c.state]
			}
			if futures == 0 {
				s.choices = append(s.choices, c)
			}
		}
		at := 0
		var th *thread
		if s.step < len(s.choices) {
			c := &s.choices[s.step]
			at, c.of = c.taken%options, options
		}
		switch {
		case at == max(1, len(live)):
			timer := s.clock.fire()
			th, timers = timers[0], timers[1:]
			live = s.begin(live, th, s.expire(timer), timer.hash())
		case len(live) == 0:
			return max(1, futures), nil
		default:
			th = live[at]
			if s.move(th); th.done {
				live = append(live[:at], live[at+1:]...)
			}
		}
		for ; len(s.started) > 0; s.started = s.started[1:] {
			idle := slices.IndexFunc(s.threads, func(th *thread) bool { return th.done })
			live = s.begin(live, s.threads[idle], s.started[0], s.inherited(th))
		}
	}
	return max(1, futures), nil
}

// begin lets th run f, of which seen tells which it is, and returns the live threads: th is among them unless f has ended.
func (s *scheduler) begin(live []*thread, th *thread, f func(), seen uint64) []*thread {
	th.run, th.done, th.told, th.ended, th.seen = f, false, 0, 0, seen
	if s.move(th); th.done {
		return live
	}
	return append(live, th)
}

// inherited is what a thread has seen that th starts: all that is there.
func (s *scheduler) inherited(th *thread) uint64 {
	seen := mix(th.seen, uint64(len(s.started)))
	if s.shared != nil {
		w, rest := s.shared()
		seen = mix(mix(seen, w), rest)
	}
	return seen
}

// start is what a go statement is to the running thread.
func (s *scheduler) start(f func()) { s.started = append(s.started, f) }

func (s *scheduler) move(th *thread) {
	if s.shared != nil && !s.own {
		w, rest := s.shared()
		th.seen = mix(mix(th.seen, w), rest)
	}
	s.running = th
	th.resume()
	s.running = nil
	if s.forget && th.done {
		th.seen = 0
	}
}

// saw adds what an access of the running thread returned.
func (s *scheduler) saw(v uint64) {
	if s.running != nil {
		s.running.seen = mix(s.running.seen, v)
	}
}

// next chooses the next interleaving after one that stood for futures, and reports whether there is one.
func (s *scheduler) next(futures int) bool {
	for n := len(s.choices) - 1; n >= 0; n-- {
		c := &s.choices[n]
		if c.futures += futures; c.taken+1 < c.of {
			c.taken++
			s.choices = s.choices[:n+1]
			return true
		}
		if s.shared != nil && c.of > 1 {
			s.known[c.state] = c.futures
		}
		futures = c.futures
	}
	s.choices = s.choices[:0]
	return false
}

// fresh forgets what is known: another program follows.
func (s *scheduler) fresh() {
	s.choices = s.choices[:0]
	if len(s.known) > 100 || s.known == nil { // to clear a map costs what it once held
		s.known = make(map[state]int)
	}
	clear(s.known)
}

// String tells the choices, so that a run can be repeated.
func (s *scheduler) String() string {
	taken := make([]int, len(s.choices))
	for i, c := range s.choices {
		taken[i] = c.taken
	}
	return fmt.Sprint(taken)
}
