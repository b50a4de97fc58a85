// SPDX-License-Identifier: Apache-2.0

package history

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Runner lets functions loose on each other. Its goroutines stay from round to round, spin until the next one and start
// together at a barrier where they spin too: an operation takes some 50 ns, so goroutines that were started one after
// the other, or woken through a channel, would be done before the next one begins. With them hardly one history in 300
// has operations that overlap; with spinning nearly all do.
//
// The caller of Run is one of the goroutines. A Runner is for one caller at a time.
type Runner struct {
	threads  int
	patience time.Duration // to begin at the same time
	epoch    time.Time
	round    atomic.Pointer[round]
}

// round is one call of Run.
type round struct {
	threads int
	body    func(thread int)
	over    bool // no round: the end

	deadline time.Time // to begin at the same time
	late     atomic.Bool
	yielded  atomic.Int64
	barrier  barrier
}

// NewRunner returns a runner for so many goroutines, 1 to [MaxThreads]. They keep a processor each busy until Close, so
// there should be no other Runner meanwhile.
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

// Run calls body once for each thread, all at the same time, and returns what they recorded, in the order of the calls,
// when all of them have returned.
func (r *Runner) Run(body func(thread int, recorder *Recorder)) []Operation {
	recorders := make([]*Recorder, r.threads)
	for i := range recorders {
		recorders[i] = newRecorder(i, r.epoch)
	}
	// A barrier for each round: somebody may still be about to leave the last one's.
	now := &round{
		threads:  r.threads,
		deadline: time.Now().Add(r.patience),
		body:     func(thread int) { body(thread, recorders[thread]) },
	}
	r.round.Store(now)
	now.perform(0)
	return merge(recorders)
}

// perform lets body begin when all goroutines are on a processor: when none had to yield at the barrier. One that was
// woken only because another yielded begins when that one is off its processor, and nothing overlaps. Where that cannot
// be had (fewer processors than goroutines, or other programs on them) they begin all the same after some time.
func (r *round) perform(thread int) {
	for yielded, together := int64(0), false; !together; {
		if r.barrier.pass(r.threads) {
			r.yielded.Add(1)
		}
		if thread == 0 && !time.Now().Before(r.deadline) {
			r.late.Store(true)
		}
		// After the second pass everybody reads the same, and so they go on together.
		r.barrier.pass(r.threads)
		sum := r.yielded.Load()
		together = sum == yielded || r.late.Load()
		yielded = sum
	}
	r.body(thread)
	r.barrier.pass(r.threads)
}

// barrier lets nobody pass until all have arrived. It may be passed any number of times in a row.
type barrier struct{ arrived atomic.Int64 }

// pass reports whether it has yielded.
func (b *barrier) pass(threads int) bool {
	n := int64(threads)
	all := (b.arrived.Add(1) + n - 1) / n * n
	return spin(func() bool { return b.arrived.Load() >= all })
}

// spin waits without sleeping, because waking up takes longer than what is to be raced. It yields now and then, because
// there may be more goroutines than processors, and reports whether it has. When that does not help for long, the one it
// waits for has lost its processor to another program, and gets it back sooner if this one sleeps.
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
