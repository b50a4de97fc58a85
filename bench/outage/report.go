// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// reporter prints the run as it goes and its end. Everything goes through one lock, so that the lines of the clock, of
// the schedule and of the breaker do not mix; none of them is printed by a log call.
type reporter struct {
	mu        sync.Mutex
	w         io.Writer
	start     time.Time
	published uint32 // generation of the last transition that was printed
}

func newReporter(w io.Writer) *reporter { return &reporter{w: w} }

func (r *reporter) printf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	say(r.w, format, args...)
}

// introduce says what will happen, and starts the clock that the other lines show.
func (r *reporter) introduce(s settings, sink *sinkProcess, url string) {
	rate := "as fast as they can"
	if s.rate > 0 {
		rate = fmt.Sprintf("%d records/s", s.rate)
	}
	r.printf("load      %d goroutines log %s with log/slog, for %s\n", s.goroutines, rate, brief(s.duration))
	if sink != nil {
		r.printf("sink      process %d at %s appends each record to a file, then answers 204\n", sink.pid(), url)
		r.printf("          dies after %s, returns after %s\n", brief(s.duration*4/15), brief(s.duration*9/15))
	} else {
		r.printf("sink      %s, yours to stop and start; a 2xx counts as taken\n", url)
	}
	r.printf("breaker   opens after %d failures in a row; probes after %s, doubling to %s\n", failureThreshold, recoveryTimeout, longestRecovery)
	r.printf("fallback  a file that takes what the breaker turns away and what the sink fails to take\n\n")
	r.printf("%8s  %-9s %10s %11s %9s %11s\n", "time", "state", "primary/s", "fallback/s", "failures", "next probe")
	r.start = time.Now()
}

// event prints something that happened, among the lines of the clock.
func (r *reporter) event(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.eventLocked(format, args...)
}

func (r *reporter) eventLocked(format string, args ...any) {
	say(r.w, "%8s  * %s\n", r.elapsed(), fmt.Sprintf(format, args...))
}

func (r *reporter) elapsed() string { return fmt.Sprintf("%.2fs", time.Since(r.start).Seconds()) }

// transition is the breaker's asynchronous hook: it may block on a terminal, and no log call waits for it.
func (r *reporter) transition(tr atomicbreaker.Transition, b *atomicbreaker.Breaker) {
	line := fmt.Sprintf("breaker %s -> %s (%s)", tr.From, tr.To, tr.Cause)
	if tr.To == atomicbreaker.Open {
		line += fmt.Sprintf(", %d failures", tr.Failures)
		if left := b.RetryAfter(); left > 0 && b.Snapshot().Generation == tr.Generation {
			line += fmt.Sprintf(", next probe in %s", left.Round(10*time.Millisecond))
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.eventLocked("%s", line)
	r.published = tr.Generation
}

// drain waits until every transition was printed: the last of them may still be on its way when the load has ended.
func (r *reporter) drain(b *atomicbreaker.Breaker) {
	for range 200 {
		r.mu.Lock()
		published := r.published
		r.mu.Unlock()
		if published == b.Snapshot().Generation {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// watch prints a line a second until ctx ends.
func (r *reporter) watch(ctx context.Context, g *guard) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	var accepted, diverted uint64
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now, a, d := time.Now(), g.accepted.Load(), g.diverted.Load()
		seconds := now.Sub(last).Seconds()
		r.live(g.breaker, float64(a-accepted)/seconds, float64(d-diverted)/seconds)
		last, accepted, diverted = now, a, d
	}
}

func (r *reporter) live(b *atomicbreaker.Breaker, primary, fallback float64) {
	now, probe := b.Snapshot(), "-"
	switch {
	case now.ProbeDue:
		probe = "due"
	case now.State == atomicbreaker.HalfOpen:
		probe = "in flight"
	case now.State == atomicbreaker.Open:
		probe = fmt.Sprintf("%.2fs", b.RetryAfter().Seconds())
	}
	failures := fmt.Sprintf("%d of %d", now.Failures, failureThreshold)
	r.printf("%8s  %-9s %10.0f %11.0f %9s %11s\n", r.elapsed(), now.State, primary, fallback, failures, probe)
}

// conclude prints what the run has shown: the breaker's part, the log calls', and the verdict last.
func (r *reporter) conclude(v verdict, told [][2]string, took latencies) {
	r.printf("\n")
	for _, line := range told {
		r.printf("%-33s %s\n", line[0], line[1])
	}
	r.printf("\n")
	r.printf("%-10s %10s %10s %10s %10s\n", "log call", "records", "p50", "p99", "max")
	for p, h := range took {
		if h.TotalCount() == 0 {
			continue
		}
		r.printf("%-10s %10d %10s %10s %10s\n", phaseNames[p], h.TotalCount(),
			brief(time.Duration(h.ValueAtQuantile(50))), brief(time.Duration(h.ValueAtQuantile(99))), brief(time.Duration(h.Max())))
	}
	r.printf("\n%s\n%s\n", v, v.meaning())
}

// brief writes a duration with three digits, which is as much as one run can say.
func brief(d time.Duration) string {
	if d >= time.Minute {
		return strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(d.Round(time.Second).String())
	}
	unit := time.Duration(1)
	for d >= 1000*unit {
		unit *= 10
	}
	return d.Round(unit).String()
}
