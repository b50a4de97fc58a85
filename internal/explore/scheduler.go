// SPDX-License-Identifier: Apache-2.0

package explore

import (
	"errors"
	"fmt"
	"slices"
)

// MaxThreads bounds the threads of a scheduler whose states are compared, those of timers included.
// More threads are hashed together.
const MaxThreads = 6

// Scheduler runs threads one access at a time. An interleaving is a list of choices: which of the
// threads that are not done moves next. [Scheduler.Next] walks through all interleavings depth
// first: it repeats the run with the last choice changed that can still be changed.
//
// With a clock, the earliest pending timer may fire at any step. What it does then is one more
// thread.
type Scheduler struct {
	// Shared returns what the threads share: a word, and a hash of the rest. If it is nil, every
	// interleaving runs to its end.
	Shared func() (word, rest uint64)

	// Own makes a thread see what its accesses return, as reported to Saw. Otherwise each of its
	// moves sees everything that is shared.
	Own bool

	// Forget drops what a thread has seen when it is done. Set it if nothing checks the thread.
	Forget bool

	// Clock has the timers, or is nil. Up to Spare timers fire in a run, each on one of the last
	// Spare threads, which runs Expire of the timer.
	Clock  *Clock
	Spare  int
	Expire func(*Timer) func()

	threads []*Thread
	running *Thread
	started []func() // by the running thread; each continues on a thread that is done

	choices []choice // of the current or last run
	step    int
	known   map[state]int // the number of futures of each state whose futures have all been run
}

// choice is one step: taken is the index of the live thread that moves.
type choice struct {
	taken, of int
	state     state
	futures   int // runs from here that are over
}

// state determines the futures of a run, and what a judge makes of its past: the shared values, and
// for each thread what it has seen. Where a thread stands and what it was answered follow from
// that, because a thread is deterministic.
type state struct {
	word, rest uint64
	seen       [MaxThreads]uint64
}

// endless is several times the number of accesses in the longest run, 73. Without locks no thread
// waits for another, so every schedule ends.
const endless = 500

var errEndless = errors.New("explore: the run does not end")

// Close ends the threads, except those of a run that did not end: they would not end either.
func (s *Scheduler) Close() {
	for _, t := range s.threads {
		if t.done {
			t.stop()
		}
	}
}

// Threads returns the threads, in order.
func (s *Scheduler) Threads() []*Thread { return s.threads }

// Running returns the thread that runs, or nil outside a run.
func (s *Scheduler) Running() *Thread { return s.running }

// Point ends the running thread's step: others may move before it continues. Outside a run it does
// nothing.
func (s *Scheduler) Point() {
	if s.running != nil {
		s.running.pause(struct{}{})
	}
}

// Access is Point before an access to the memory by which operations are judged: see [Thread].
func (s *Scheduler) Access() {
	t := s.running
	if t == nil {
		return
	}
	t.pause(struct{}{})
	t.Last = s.step + 1
	if t.First > 0 {
		return
	}
	t.First = t.Last
	for _, other := range s.threads { // to a judge, these ended before this one began
		t.seen = Mix(t.seen, uint64(other.ended))
	}
}

// Saw adds the result of an access to what the running thread has seen.
func (s *Scheduler) Saw(v uint64) {
	if s.running != nil {
		s.running.seen = Mix(s.running.seen, v)
	}
}

// Go is the go statement of the running thread.
func (s *Scheduler) Go(f func()) { s.started = append(s.started, f) }

// Run runs one interleaving: the current choices, and from there on the first thread that is not
// done. A thread's first step goes up to its first access and is not a choice, since it shares
// nothing. Run returns how many interleavings the run stands for: 1, or the number of futures of a
// known state, and then no judge needs to see the end.
func (s *Scheduler) Run(programs []func()) (futures int, err error) {
	s.step = 0
	for _, t := range s.threads {
		t.seen, t.First, t.Last = 0, 0, 0
	}
	live := make([]*Thread, 0, 8)
	for i, program := range programs {
		live = s.begin(live, s.threads[i], program, 0)
	}
	timers := s.threads[len(s.threads)-s.Spare:]
	for ; ; s.step++ {
		if s.step > endless {
			return 0, errEndless
		}
		// The options: each live thread moves, or the run ends if there is none; and the earliest
		// timer fires.
		options := max(1, len(live))
		if len(timers) > 0 && len(s.Clock.Pending) > 0 {
			options++
		} else if len(live) == 0 {
			break
		}
		if s.step == len(s.choices) && futures == 0 {
			futures = s.choose(options)
		}
		at := 0
		if s.step < len(s.choices) {
			c := &s.choices[s.step]
			at, c.of = c.taken%options, options
		}
		var moved *Thread
		switch {
		case at == max(1, len(live)):
			timer := s.Clock.fire()
			moved, timers = timers[0], timers[1:]
			live = s.begin(live, moved, s.Expire(timer), timer.Hash)
		case len(live) == 0:
			return max(1, futures), nil
		default:
			moved = live[at]
			if s.move(moved); moved.done {
				live = append(live[:at], live[at+1:]...)
			}
		}
		for ; len(s.started) > 0; s.started = s.started[1:] {
			idle := slices.IndexFunc(s.threads, func(t *Thread) bool { return t.done })
			live = s.begin(live, s.threads[idle], s.started[0], s.inherited(moved))
		}
	}
	return max(1, futures), nil
}

// choose adds a choice with the first option taken, unless the state is known. It returns the
// number of futures of a known state, and 0 for a new one.
func (s *Scheduler) choose(options int) (futures int) {
	c := choice{of: options}
	if s.Shared != nil && options > 1 {
		c.state = s.state()
		if futures = s.known[c.state]; futures > 0 {
			return futures
		}
	}
	s.choices = append(s.choices, c)
	return 0
}

func (s *Scheduler) state() (at state) {
	at.word, at.rest = s.Shared()
	for i, t := range s.threads {
		if i < len(at.seen) {
			at.seen[i] = t.seen
		} else {
			at.rest = Mix(at.rest, t.seen)
		}
	}
	return at
}

// begin lets t run f and returns the live threads, which include t unless f has ended. seen
// distinguishes f from other functions that t could run.
func (s *Scheduler) begin(live []*Thread, t *Thread, f func(), seen uint64) []*Thread {
	t.run, t.done, t.count, t.ended, t.seen = f, false, 0, 0, seen
	if s.move(t); t.done {
		return live
	}
	return append(live, t)
}

// inherited returns what a thread has seen that t starts: everything.
func (s *Scheduler) inherited(t *Thread) uint64 {
	seen := Mix(t.seen, uint64(len(s.started)))
	if s.Shared != nil {
		w, rest := s.Shared()
		seen = Mix(Mix(seen, w), rest)
	}
	return seen
}

func (s *Scheduler) move(t *Thread) {
	if s.Shared != nil && !s.Own {
		w, rest := s.Shared()
		t.seen = Mix(Mix(t.seen, w), rest)
	}
	s.running = t
	t.resume()
	s.running = nil
	if s.Forget && t.done {
		t.seen = 0
	}
}

// Next chooses the next interleaving after a run that stood for futures. It reports whether there
// is one.
func (s *Scheduler) Next(futures int) bool {
	for n := len(s.choices) - 1; n >= 0; n-- {
		c := &s.choices[n]
		if c.futures += futures; c.taken+1 < c.of {
			c.taken++
			s.choices = s.choices[:n+1]
			return true
		}
		if s.Shared != nil && c.of > 1 {
			s.known[c.state] = c.futures
		}
		futures = c.futures
	}
	s.choices = s.choices[:0]
	return false
}

// Restart forgets the choices and the known states: another program follows.
func (s *Scheduler) Restart() {
	s.choices = s.choices[:0]
	if len(s.known) > 100 || s.known == nil { // clearing a map takes as long as the map once was
		s.known = make(map[state]int)
	}
	clear(s.known)
}

// Follow makes the next run take the choices of a schedule, and the first thread after its end.
func (s *Scheduler) Follow(schedule []int) {
	s.choices = s.choices[:0]
	for _, n := range schedule {
		s.choices = append(s.choices, choice{taken: n})
	}
}

// String returns the choices, so that Follow can repeat the run.
func (s *Scheduler) String() string {
	taken := make([]int, len(s.choices))
	for i, c := range s.choices {
		taken[i] = c.taken
	}
	return fmt.Sprint(taken)
}
