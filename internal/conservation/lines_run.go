// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// hookBroke is the panic value of a user function.
const hookBroke = "the hook broke"

// closePatience is how long a Close may wait.
const closePatience = 5 * time.Second

// lineWrite is one offered write.
type lineWrite struct {
	text         string
	how          ending
	n            int
	began, ended int64
}

// lineRun is a running plan.
type lineRun struct {
	plan              linePlan
	breaker           *atomicbreaker.Breaker
	primary, fallback *File
	fixture           LineFixture
	turn              chan struct{} // held by a write if the plan serializes writes

	clock                 atomic.Int64 // counts starts and ends
	hooks                 atomic.Int64 // calls of the user's functions
	outages               atomic.Uint64
	closeBegan, closeDone atomic.Bool

	mu       sync.Mutex
	writes   []*lineWrite
	of       map[string]*lineWrite // by line
	lost     map[string]int
	losses   uint64                      // calls of OnLost
	diverted map[breakerio.Reason]uint64 // calls of OnDiverted
	breaches []string
}

// check runs the plan and returns what is wrong with the adapter. Call it in a synctest bubble.
func (p linePlan) check(adapter LineAdapter) error {
	r := &lineRun{
		plan: p, turn: make(chan struct{}, 1), of: map[string]*lineWrite{}, lost: map[string]int{},
		diverted: map[breakerio.Reason]uint64{},
	}
	tick := func() int64 { return r.clock.Add(1) }
	r.primary = &File{tick: tick, script: slices.Clone(p.primary), dials: slices.Clone(p.dials), closeHangs: p.closeHangs}
	r.fallback = &File{tick: tick, script: slices.Clone(p.fallback)}
	opts := []atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(p.threshold), atomicbreaker.WithRecoveryTimeout(p.recovery),
		atomicbreaker.WithProbeTimeout(probeTimeout),
		atomicbreaker.WithOnTransition(func(atomicbreaker.Transition) { r.hook() }),
		atomicbreaker.WithOnHookPanic(func(atomicbreaker.Transition, any) {}),
	}
	if p.slow {
		opts = append(opts, atomicbreaker.WithSlowThreshold(time.Second))
	}
	r.breaker = atomicbreaker.MustNew("sink", opts...)
	r.fixture = adapter(LineParts{r.breaker, r.primary, r.fallback, r})
	var wg sync.WaitGroup
	for g := range p.goroutines {
		wg.Go(func() {
			for i := range p.writes {
				r.offer(g, i)
				time.Sleep(p.pause)
			}
		})
	}
	wg.Go(r.disturb)
	wg.Wait()
	idle := r.breaker.Snapshot()
	r.recover()
	r.shutDown(-1)
	time.Sleep(time.Minute) // until hanging calls have returned
	synctest.Wait()
	return r.judge(r.fixture.Stats(), idle)
}

// recover makes the primary take everything, and offers writes until the breaker must be closed.
func (r *lineRun) recover() {
	time.Sleep(time.Minute)
	r.primary.mend()
	r.plan.bad = 0
	for i := range 3 {
		r.offer(r.plan.goroutines, i)
		time.Sleep(5 * time.Second)
	}
	if s := r.breaker.State(); s != atomicbreaker.Closed && !r.closeBegan.Load() {
		r.breach("the primary works, but the breaker is %v", s)
	}
}

// apart calls f on a goroutine of its own, which a file or a user's function may end, and waits for
// it.
func apart(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
}

// offer makes one write.
func (r *lineRun) offer(goroutine, i int) {
	p := r.plan
	k := goroutine*p.writes + i
	count := 1
	if !r.fixture.Logger {
		count += p.batches[k%len(p.batches)]
	}
	lines := make([]string, count)
	for j := range lines {
		lines[j] = fmt.Sprintf("@%d.%d.%d@%s", goroutine, i, j, strings.Repeat(".", p.padding[(k+j)%len(p.padding)]))
	}
	if p.bad > 0 && k%p.bad == p.bad-1 {
		lines[0] += bad
	}
	text := strings.Join(lines, "\n")
	if !r.fixture.Logger {
		text += "\n"
	}
	if p.locked {
		r.turn <- struct{}{}
		defer func() { <-r.turn }()
	}
	apart(func() {
		defer func() {
			if v := recover(); v != nil && (!p.repanic || v != broken && v != hookBroke) {
				r.breach("%q: the panic %v reached the caller", text, v)
			}
		}()
		r.fixture.Offer(text)
	})
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.writes {
		if w.ended == 0 && strings.Contains(w.text, lines[0]) {
			w.ended = r.clock.Add(1)
		}
	}
}

// begin records the start of a write.
func (r *lineRun) begin(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := &lineWrite{text: text, how: unwound, began: r.clock.Add(1)}
	if r.closeDone.Load() {
		w.how = closed
	}
	r.writes = append(r.writes, w)
	for line := range strings.Lines(text) {
		r.of[line] = w
	}
}

// end records the result of a write.
func (r *lineRun) end(text string, n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.of[firstLine(text)]
	if w.how == closed && !errors.Is(err, fs.ErrClosed) {
		r.breaches = append(r.breaches, fmt.Sprintf("%q: written after Close, but the error is %v", text, err))
	}
	w.n, w.how = n, refused
	if err == nil {
		w.how = accepted
	} else if r.closeBegan.Load() && errors.Is(err, fs.ErrClosed) && n == 0 && r.lost[lastLine(text)] == 0 {
		w.how = closed
	}
	switch {
	case err == nil && n != len(text),
		err != nil && (n < 0 || n >= len(text) || n > 0 && text[n-1] != '\n'),
		err != nil && n > 0 && r.plan.whole,
		err != nil && r.plan.lossAsSuccess && w.how != closed:
		r.breaches = append(r.breaches, fmt.Sprintf("a write of %q returned %d, %v", text, n, err))
	}
}

func firstLine(text string) string { return text[:strings.IndexByte(text, '\n')+1] }

func lastLine(text string) string {
	return text[strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n')+1:]
}

func (r *lineRun) disturb() {
	for _, d := range r.plan.disturbances {
		time.Sleep(d.after)
		switch d.does {
		case syncing:
			r.sync()
		case tripping:
			apart(r.breaker.Trip)
		case resetting:
			apart(r.breaker.Reset)
		case shuttingDown:
			r.shutDown(d.patience)
		}
	}
}

// sync calls Sync, and checks that the records accepted before it are in a file or lost when it
// returns.
func (r *lineRun) sync() {
	var accepts []string
	r.mu.Lock()
	for _, w := range r.writes {
		if w.how == accepted {
			accepts = slices.AppendSeq(accepts, strings.Lines(w.text))
		}
	}
	r.mu.Unlock()
	if err := r.fixture.Sync(); errors.Is(err, context.DeadlineExceeded) || errors.Is(err, fs.ErrClosed) {
		return
	}
	settled := map[string]bool{}
	for _, f := range []*File{r.primary, r.fallback} {
		f.mu.Lock()
		for _, c := range f.calls {
			for _, line := range r.acknowledged(c) {
				settled[line] = true
			}
		}
		f.mu.Unlock()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range accepts {
		if !settled[line] && r.lost[line] == 0 {
			r.breaches = append(r.breaches, fmt.Sprintf("%q: Sync returned before it was in a file or lost", line))
		}
	}
}

// shutDown shuts the adapter down, and checks that it respects its deadline.
func (r *lineRun) shutDown(patience time.Duration) {
	ctx, limit := context.Background(), closePatience
	if patience >= 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
		limit = patience
	} else if r.fixture.Batcher { // may use its whole limit
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, closePatience)
		defer cancel()
	}
	began := time.Now()
	r.closeBegan.Store(true)
	_ = r.fixture.Shutdown(ctx)
	r.closeDone.Store(true)
	if took := time.Since(began); took > limit+time.Second && patience >= 0 {
		r.breach("Shutdown took %v, limit %v", took, limit)
	}
}

// hook is called by each of the user functions.
func (r *lineRun) hook() {
	if n := r.hooks.Add(1); r.plan.panicky > 0 && n%int64(r.plan.panicky) == 0 {
		if n/int64(r.plan.panicky)%2 == 0 {
			runtime.Goexit()
		}
		panic(hookBroke)
	}
}

func (r *lineRun) onLost(text string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses++
	if err == nil {
		r.breaches = append(r.breaches, fmt.Sprintf("%q is lost without an error", text))
	}
	for line := range strings.Lines(text) {
		r.lost[line]++
	}
}

func (r *lineRun) onDiverted(d breakerio.Diversion) {
	if misnamed(d) {
		r.breach("diverted as %v with the error %v", d.Reason, d.Err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.diverted[d.Reason]++
}

func (r *lineRun) breach(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.breaches = append(r.breaches, fmt.Sprintf(format, args...))
}
