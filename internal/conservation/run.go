// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// ending is how the call that offered a record ended.
type ending int

const (
	unwound  ending = iota // by a panic or runtime.Goexit
	accepted               // with no error
	refused                // with an error
	closed                 // with fs.ErrClosed, after Close was called
)

// run is a running plan.
type run struct {
	plan    plan
	breaker *atomicbreaker.Breaker
	primary *Sink
	fall    *Sink
	fixture Fixture
	outages ledger

	closeBegan, closeDone atomic.Bool

	mu              sync.Mutex
	offered         []string
	endings         map[string]ending
	lost            map[string]int
	outagesReported []breakerio.Outage
	diverted        map[breakerio.Reason]uint64
	breaches        []string
}

// check runs the plan and returns what is wrong with the adapter. Call it in a synctest bubble.
func (p plan) check(adapter Adapter) error {
	r := &run{
		plan: p, primary: newSink(slices.Clone(p.primary)), fall: newSink(slices.Clone(p.fallback)),
		endings: map[string]ending{}, lost: map[string]int{}, diverted: map[breakerio.Reason]uint64{},
		breaker: atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(p.threshold),
			atomicbreaker.WithRecoveryTimeout(p.recovery), atomicbreaker.WithProbeTimeout(probeTimeout)),
	}
	r.primary.stuck = p.storm
	r.fixture = adapter(Parts{r.breaker, r.primary, r.fall, p.repanic, r})
	var wg sync.WaitGroup
	for g := range p.goroutines {
		wg.Go(func() {
			for i := range p.records {
				r.offer(fmt.Sprintf("@%d.%d@", g, i))
				time.Sleep(p.pause)
			}
		})
	}
	wg.Go(r.disturb)
	wg.Wait()
	idle := r.breaker.Snapshot()
	time.Sleep(time.Minute) // until hanging calls have returned
	r.recover()
	stats := r.fixture.Stats()
	if r.fixture.Close != nil {
		_ = r.fixture.Close()
	}
	synctest.Wait()
	return r.judge(stats, idle)
}

// offer offers a record on a goroutine of its own, because the sink may end the goroutine, and
// waits for it.
func (r *run) offer(record string) {
	before := r.breaker.Snapshot()
	done := make(chan struct{})
	go func() {
		defer close(done)
		how := unwound
		defer func() {
			if how == unwound {
				if v := recover(); v != nil && (v != broken || !r.plan.repanic) {
					r.breach("%s: the panic %v reached the caller", record, v)
				}
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			r.offered = append(r.offered, record)
			r.endings[record] = how
		}()
		late := r.closeDone.Load()
		err := r.fixture.Offer(record)
		if late && !errors.Is(err, fs.ErrClosed) {
			r.breach("%s: offered after Close, but the error is %v", record, err)
		}
		switch {
		case err == nil:
			how = accepted
		case r.closeBegan.Load() && errors.Is(err, fs.ErrClosed) && !r.reported(record):
			how = closed
		default:
			how = refused
		}
	}()
	<-done
	if r.plan.goroutines == 1 && !r.closeBegan.Load() {
		r.outages.follow(r, record, before)
	}
}

func (r *run) begin(string) {}

func (r *run) end(text string, n int, err error) {
	if taken := err == nil; taken && n != len(text) || !taken && n != 0 {
		r.breach("a write of %d bytes returned %d, %v", len(text), n, err)
	}
}

func (r *run) disturb() {
	for _, d := range r.plan.disturbances {
		time.Sleep(d.after)
		switch {
		case d.close && r.fixture.Close != nil:
			r.closeBegan.Store(true)
			_ = r.fixture.Close()
			r.closeDone.Store(true)
		case r.fixture.Sync != nil:
			_ = r.fixture.Sync()
		}
	}
}

// recover lets the primary take records until the breaker is closed, so that the last outage is
// over. A closed primary takes nothing, and records offered to it are diverted.
func (r *run) recover() {
	r.primary.mend()
	for i := range 3 {
		r.offer(fmt.Sprintf("@last.%d@", i))
		time.Sleep(5 * time.Second)
	}
}

func (r *run) onLost(line string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		r.breaches = append(r.breaches, "lost without an error: "+line)
	}
	r.lost[recordIn(line)]++
}

func (r *run) onOutage(o breakerio.Outage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.outagesReported = append(r.outagesReported, o)
}

func (r *run) onDiverted(d breakerio.Diversion) {
	if misnamed(d) {
		r.breach("diverted as %v with the error %v", d.Reason, d.Err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.diverted[d.Reason]++
}

func (r *run) breach(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.breaches = append(r.breaches, fmt.Sprintf(format, args...))
}

// reported reports whether a record was reported lost.
func (r *run) reported(record string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lost[record] > 0
}
