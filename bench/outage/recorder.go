// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The states of a breaker, whatever its library calls them. noBreaker is that of a guard without one.
const (
	noBreaker  = "-"
	isClosed   = "closed"
	isOpen     = "open"
	isHalfOpen = "half_open"
)

// recorder measures one guard's run: how long its log calls took, by phase and over time, when its breaker changed, and
// what was counted when. All times are since its start.
type recorder struct {
	start  time.Time
	counts func() counts
	slice  time.Duration // the grain of the picture

	mu      sync.Mutex
	phase   phase
	marks   [phases + 1]mark                // the beginning of each phase, and at the end of the list that of the end
	calls   [phases]*hdrhistogram.Histogram // in ns
	slices  []*hdrhistogram.Histogram       // in µs, by when a call was due
	recent  *hdrhistogram.Histogram         // in µs, since the last live line
	changes []change
	samples []sample
	peaks   [phases]footprint

	opened     [phases]time.Duration // when the breaker first opened in a phase; 0: it did not
	onceOpened [phases]time.Duration // the slowest call of the phase that was due after that
}

// mark is a moment, and what had been counted until then. The zero mark did not come.
type mark struct {
	set    bool
	at     time.Duration
	counts counts
}

// change is a breaker's new state.
type change struct {
	at     time.Duration
	to     string
	why    string // "" if its library does not say
	probes uint64 // that it has let through so far
}

// sample is what had been counted at a moment.
type sample struct {
	at     time.Duration
	counts counts
}

// footprint is what the process weighs.
type footprint struct {
	goroutines int
	rss        uint64 // bytes; 0: this system does not say
}

const (
	longestCall = 10 * time.Minute // what is longer counts as this long; every sink has its timeout far below
	grains      = 120              // slices of a picture
)

func newRecorder(duration time.Duration, now func() counts) *recorder {
	r := &recorder{counts: now, slice: max(duration/grains, 10*time.Millisecond), recent: newCoarse()}
	for p := range r.calls {
		r.calls[p] = hdrhistogram.New(1, longestCall.Nanoseconds(), 3)
	}
	r.start = time.Now()
	r.marks[healthy].set = true
	return r
}

// newCoarse makes a histogram for a picture or a live line: small, because there are many of them.
func newCoarse() *hdrhistogram.Histogram { return hdrhistogram.New(1, longestCall.Microseconds(), 2) }

func (r *recorder) since() time.Duration { return time.Since(r.start) }

// enter begins a phase, just before what makes it one: a call that is caught by it belongs to it.
func (r *recorder) enter(p phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.marks[p] = mark{true, r.since(), r.counts()}
	if p < phases {
		r.phase = p
	}
}

// begun is what had been counted when a phase began.
func (r *recorder) begun(p phase) counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.marks[p].counts
}

func (r *recorder) current() phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase
}

// record notes a log call that was due at one moment and came back at another. It belongs to the phase that it was due
// in, or to the next if the sink went down before it was back.
func (r *recorder) record(due, back time.Duration) {
	took := min(max(back-due, 1), longestCall)
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.phase
	for p > healthy && due < r.marks[p].at {
		p--
	}
	if next := p + 1; next < phases && next.isDown() && r.marks[next].set {
		p = next
	}
	_ = r.calls[p].RecordValue(took.Nanoseconds()) // in range, so never an error
	if r.opened[p] > 0 && due >= r.opened[p] {
		r.onceOpened[p] = max(r.onceOpened[p], took)
	}
	at := int(due / r.slice)
	for len(r.slices) <= at {
		r.slices = append(r.slices, nil)
	}
	if r.slices[at] == nil {
		r.slices[at] = newCoarse()
	}
	_ = r.slices[at].RecordValue(max(took.Microseconds(), 1))
	_ = r.recent.RecordValue(max(took.Microseconds(), 1))
}

// change notes a breaker's new state.
func (r *recorder) change(to, why string) change {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := change{r.since(), to, why, r.counts().probes}
	r.changes = append(r.changes, c)
	if to == isOpen && r.opened[r.phase] == 0 {
		r.opened[r.phase] = c.at
	}
	return c
}

// sample notes what has been counted, and what the process weighs if that is more than before in this phase.
func (r *recorder) sample() {
	weight := footprint{runtime.NumGoroutine(), residentBytes()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.samples = append(r.samples, sample{r.since(), r.counts()})
	peak := &r.peaks[r.phase]
	peak.goroutines, peak.rss = max(peak.goroutines, weight.goroutines), max(peak.rss, weight.rss)
}

// state is the breaker's last state.
func (r *recorder) state() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.changes) == 0 {
		return isClosed
	}
	return r.changes[len(r.changes)-1].to
}

// takeRecent returns the p99 of the calls that came back since it was last asked.
func (r *recorder) takeRecent() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	p99 := time.Duration(r.recent.ValueAtQuantile(99)) * time.Microsecond
	r.recent.Reset()
	return p99
}

// until returns how long after the beginning of a phase the breaker was in the state for the first time, if it was before
// the phase ended.
func (r *recorder) until(state string, p phase) (time.Duration, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begin, end := r.marks[p], r.marks[p+1]
	for _, c := range r.changes {
		if begin.set && c.at >= begin.at && (!end.set || c.at < end.at) && c.to == state {
			return c.at - begin.at, true
		}
	}
	return 0, false
}

func perSecond(n uint64, during time.Duration) float64 {
	if during <= 0 {
		return 0
	}
	return float64(n) / during.Seconds()
}
