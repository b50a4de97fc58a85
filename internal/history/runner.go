// SPDX-License-Identifier: Apache-2.0

package history

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Runner runs functions that race. Its goroutines live for many rounds, spin until the next one and
// start together at a spinning barrier. An operation takes some 50 ns, so a goroutine that was
// started, or woken through a channel, would be done before the next one begins. That way hardly
// one history in 300 has overlapping operations; with spinning nearly all do.
//
// The goroutine that calls Run is one of them. A Runner is for one caller at a time.
type Runner struct {
	threads  int
	patience time.Duration // limit for a common start
	epoch    time.Time
	round    atomic.Pointer[round]
}

// round is one call of Run.
type round struct {
	threads int
	body    func(thread int)
	over    bool // the runner was closed

	deadline time.Time // limit for a common start
	late     atomic.Bool
	yielded  atomic.Int64
	barrier  barrier
}

// NewRunner returns a runner for 1 to [MaxThreads] goroutines. Each keeps a processor busy until
// Close, so there should be no other Runner at the same time.
func NewRunner(threads int) *Runner {
	r := &Runner{threads: threads, epoch: time.Now()}
	if threads <= runtime.GOMAXPROCS(0) {
		r.patience = 4 * time.Millisecond
	}
	for thread := 1; thread < threads; thread++ {
		go r.help(thread)
	}
	return r
}

// Close ends the goroutines.
func (r *Runner) Close() { r.round.Store(&round{over: true}) }

// help takes part in each round.
func (r *Runner) help(thread int) {
	var last *round
	for {
		spin(func() bool { return r.round.Load() != last })
		if last = r.round.Load(); last.over {
			return
		}
		last.perform(thread)
	}
}

// Run calls body once for each thread, all at the same time, and waits for all of them. It returns
// the operations that they recorded, in the order of their calls.
func (r *Runner) Run(body func(thread int, recorder *Recorder)) []Operation {
	recorders := make([]*Recorder, r.threads)
	for i := range recorders {
		recorders[i] = newRecorder(i, r.epoch)
	}
	// Each round has its own barrier, because a goroutine may still be leaving the last one.
	now := &round{
		threads:  r.threads,
		deadline: time.Now().Add(r.patience),
		body:     func(thread int) { body(thread, recorders[thread]) },
	}
	r.round.Store(now)
	now.perform(0)
	return merge(recorders)
}

// perform calls body when all goroutines are on a processor, which is when none had to yield at the
// barrier. A goroutine that runs only because another one yielded would begin while that one is off
// its processor, and nothing would overlap. If that does not happen in time (fewer processors than
// goroutines, or other programs on them), they begin anyway.
func (r *round) perform(thread int) {
	for yielded, together := int64(0), false; !together; {
		if r.barrier.pass(r.threads) {
			r.yielded.Add(1)
		}
		if thread == 0 && !time.Now().Before(r.deadline) {
			r.late.Store(true)
		}
		// After the second pass all goroutines read the same value, so they continue together.
		r.barrier.pass(r.threads)
		sum := r.yielded.Load()
		together = sum == yielded || r.late.Load()
		yielded = sum
	}
	r.body(thread)
	r.barrier.pass(r.threads)
}

// barrier blocks until all goroutines have arrived. It can be passed any number of times.
type barrier struct{ arrived atomic.Int64 }

// pass waits at the barrier and reports whether it has yielded.
func (b *barrier) pass(threads int) bool {
	n := int64(threads)
	all := (b.arrived.Add(1) + n - 1) / n * n
	return spin(func() bool { return b.arrived.Load() >= all })
}

// spin waits without sleeping, because waking up takes longer than the operations that race. It
// yields now and then, because there may be more goroutines than processors, and reports whether it
// has. If the wait is long, the awaited goroutine has lost its processor to another program, and
// gets it back sooner if this one sleeps.
func spin(until func() bool) (yielded bool) {
	for spins := 1; !until(); spins++ {
		if spins%64 == 0 {
			yielded = true
			runtime.Gosched()
		}
		if spins%(1<<14) == 0 {
			time.Sleep(time.Microsecond)
		}
	}
	return yielded
}
