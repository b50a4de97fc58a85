// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// timeline notes when what happened to the sink and to the breaker, and so which phase it is.
type timeline struct {
	ours      bool          // the demo kills and restarts the sink; otherwise only the breaker knows of an outage
	recovered chan struct{} // closed when the breaker first closes after an outage
	current   atomic.Int32  // the phase; every log call reads it

	mu   sync.Mutex
	told story
}

// story is what the report tells of the outage. The zero time means that it did not happen.
type story struct {
	died, returned time.Time // the sink
	opened, closed time.Time // the breaker: first after the sink died, and first after it returned
	failedProbes   int
	before, until  counts // when the sink died and when it returned
}

// counts is what the guard and the load had counted at a moment.
type counts struct{ offered, refused uint64 }

func newTimeline(ours bool) *timeline {
	return &timeline{ours: ours, recovered: make(chan struct{})}
}

func (t *timeline) phase() phase { return phase(t.current.Load()) }

func (t *timeline) story() story {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.told
}

// sinkDies is called just before the sink is killed: a call that the kill catches belongs to the outage.
func (t *timeline) sinkDies(before counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told.died, t.told.before = time.Now(), before
	t.current.Store(int32(outage))
}

// sinkReturns is called just before the sink is started: what it needs to start is part of the time to closed.
func (t *timeline) sinkReturns(until counts) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.told.returned, t.told.until = time.Now(), until
}

// observe is the breaker's hook. It counts a probe when its failure is published; the probe that succeeds is the end of
// the outage, not a part of it. A breaker that an overloaded machine trips while the sink lives changes no phase.
func (t *timeline) observe(tr atomicbreaker.Transition) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, now := &t.told, time.Now()
	switch {
	case tr.Cause == atomicbreaker.CauseProbeFailed || tr.Cause == atomicbreaker.CauseProbeTimedOut:
		s.failedProbes++
	case tr.To == atomicbreaker.Open:
		if !t.ours {
			t.current.Store(int32(outage))
		}
		if s.opened.IsZero() && (!t.ours || !s.died.IsZero()) {
			s.opened = now
		}
	case tr.To == atomicbreaker.Closed && (!t.ours || !s.returned.IsZero()):
		t.current.Store(int32(recovered))
		if s.closed.IsZero() {
			s.closed = now
			close(t.recovered)
		}
	}
}

// tell is the story in lines of a name and a value. refused is how many records the sink had failed to take at the end.
func (s story) tell(refused uint64) [][2]string {
	if s.died.IsZero() { // somebody's own endpoint, or a run that was cut short
		return [][2]string{
			{"first outage", since(s.opened, s.closed, "none", "not over at the end")},
			{"probes sent in vain", fmt.Sprint(s.failedProbes)},
			{"records the sink refused", fmt.Sprint(refused)},
		}
	}
	lines := [][2]string{
		{"kill to open", since(s.died, s.opened, "", "not seen")},
		{"probes sent during the outage", fmt.Sprint(s.failedProbes)},
		{"records that tried the dead sink", fmt.Sprint(refused - s.before.refused)},
	}
	if !s.returned.IsZero() {
		lines = append(lines,
			[2]string{"records logged while it was down", fmt.Sprint(s.until.offered - s.before.offered)},
			[2]string{"restart to closed", since(s.returned, s.closed, "", "not seen") + fmt.Sprintf(" (a probe comes at most %s after the one before)", longestRecovery)})
	}
	return lines
}

// since formats the time between two moments, or says that one of them did not come.
func since(from, to time.Time, never, notYet string) string {
	switch {
	case from.IsZero():
		return never
	case to.IsZero():
		return notYet
	}
	return brief(to.Sub(from))
}
