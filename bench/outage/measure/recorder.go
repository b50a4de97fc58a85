// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"runtime"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The states of a breaker of any library. NoBreaker stands for a guard without one.
const (
	NoBreaker = "-"
	Closed    = "closed"
	Open      = "open"
	HalfOpen  = "half_open"
)

// Recorder measures one guard's run: how long its log calls took, by phase and over time, when its
// breaker changed, and what was counted when. All times are since its start.
type Recorder struct {
	start  time.Time
	counts func() Counts
	Slice  time.Duration // the grain of the picture

	// Backlog returns how many records are in the spool; nil means that there is none.
	Backlog func() uint64

	mu      sync.Mutex
	phase   Phase
	Marks   [Phases + 1]Mark                // the beginning of each phase, and the end of the run
	Calls   [Phases]*hdrhistogram.Histogram // in ns
	Slices  []*hdrhistogram.Histogram       // in µs, by when a call was due
	recent  *hdrhistogram.Histogram         // in µs, since the last live line
	Changes []Change
	Samples []Sample
	Peaks   [Phases]Footprint

	opened     [Phases]time.Duration // when the breaker first opened in a phase; 0: it did not
	OnceOpened [Phases]time.Duration // the slowest call of the phase that was due after that
}

// Mark is a moment, and what had been counted until then. A phase that did not begin has none.
type Mark struct {
	Set    bool
	At     time.Duration
	Counts Counts
}

// Change is a breaker's new state.
type Change struct {
	At     time.Duration
	To     string
	why    string // "" if its library does not say
	probes uint64 // that it has let through so far
}

// Sample is what had been counted at a moment.
type Sample struct {
	At      time.Duration
	Counts  Counts
	Backlog uint64 // records in the spool
}

// Footprint is what the process takes.
type Footprint struct {
	Goroutines int
	RSS        uint64 // bytes; 0: this system does not say
}

// LongestCall is the limit of the histograms. All timeouts are far below it.
const LongestCall = 10 * time.Minute

const grains = 120 // slices of a picture

// NewRecorder starts the clock of a run. now returns what has been counted.
func NewRecorder(duration time.Duration, now func() Counts) *Recorder {
	r := &Recorder{
		counts: now, Slice: max(duration/grains, 10*time.Millisecond), recent: newCoarse(),
	}
	for p := range r.Calls {
		r.Calls[p] = hdrhistogram.New(1, LongestCall.Nanoseconds(), 3)
	}
	r.start = time.Now()
	r.Marks[Healthy].Set = true
	return r
}

// newCoarse makes a histogram for a picture or a live line: small, because there are many of them.
func newCoarse() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, LongestCall.Microseconds(), 2)
}

// Since returns how long ago the run began.
func (r *Recorder) Since() time.Duration { return time.Since(r.start) }

// Enter begins a phase. Call it before the sink changes, so that calls in progress belong to the
// phase that catches them.
func (r *Recorder) Enter(p Phase) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Marks[p] = Mark{true, r.Since(), r.counts()}
	if p < Phases {
		r.phase = p
	}
}

// Begun returns what had been counted when a phase began.
func (r *Recorder) Begun(p Phase) Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Marks[p].Counts
}

// Current returns the phase of the run.
func (r *Recorder) Current() Phase {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.phase
}

// Record notes a log call that was due at one moment and returned at another. It belongs to the
// phase in which it was due, or to the next if the sink went down before it returned.
func (r *Recorder) Record(due, back time.Duration) {
	took := min(max(back-due, 1), LongestCall)
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.phase
	for p > Healthy && due < r.Marks[p].At {
		p--
	}
	if next := p + 1; next < Phases && next.IsDown() && r.Marks[next].Set {
		p = next
	}
	_ = r.Calls[p].RecordValue(took.Nanoseconds()) // in range, so never an error
	if r.opened[p] > 0 && due >= r.opened[p] {
		r.OnceOpened[p] = max(r.OnceOpened[p], took)
	}
	at := int(due / r.Slice)
	for len(r.Slices) <= at {
		r.Slices = append(r.Slices, nil)
	}
	if r.Slices[at] == nil {
		r.Slices[at] = newCoarse()
	}
	_ = r.Slices[at].RecordValue(max(took.Microseconds(), 1))
	_ = r.recent.RecordValue(max(took.Microseconds(), 1))
}

// Change notes a breaker's new state.
func (r *Recorder) Change(to, why string) Change {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := Change{r.Since(), to, why, r.counts().Probes}
	r.Changes = append(r.Changes, c)
	if to == Open && r.opened[r.phase] == 0 {
		r.opened[r.phase] = c.At
	}
	return c
}

// Sample notes what has been counted, the backlog, and the footprint if it is a new maximum of the
// phase.
func (r *Recorder) Sample() {
	backlog := uint64(0)
	if r.Backlog != nil {
		backlog = r.Backlog()
	}
	weight := Footprint{runtime.NumGoroutine(), residentBytes()}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Samples = append(r.Samples, Sample{r.Since(), r.counts(), backlog})
	peak := &r.Peaks[r.phase]
	peak.Goroutines, peak.RSS = max(peak.Goroutines, weight.Goroutines), max(peak.RSS, weight.RSS)
}

// State returns the breaker's last state.
func (r *Recorder) State() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.Changes) == 0 {
		return Closed
	}
	return r.Changes[len(r.Changes)-1].To
}

// TakeRecent returns the p99 of the calls that returned since the last TakeRecent.
func (r *Recorder) TakeRecent() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	p99 := time.Duration(r.recent.ValueAtQuantile(99)) * time.Microsecond
	r.recent.Reset()
	return p99
}

// Until returns how long after the beginning of a phase the breaker first entered a state, and
// false if it did not in that phase.
func (r *Recorder) Until(state string, p Phase) (time.Duration, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	begin, end := r.Marks[p], r.Marks[p+1]
	for _, c := range r.Changes {
		if begin.Set && c.At >= begin.At && (!end.Set || c.At < end.At) && c.To == state {
			return c.At - begin.At, true
		}
	}
	return 0, false
}

// PerSecond returns a rate, which is 0 if nothing was measured.
func PerSecond(n uint64, during time.Duration) float64 {
	if during <= 0 {
		return 0
	}
	return float64(n) / during.Seconds()
}
