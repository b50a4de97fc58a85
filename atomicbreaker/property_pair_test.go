// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// modelPair is a breaker and its model, which receive the same calls. Use it in a bubble.
type modelPair struct {
	b *atomicbreaker.Breaker
	m *model.Model
	c model.Config

	with    pairOptions
	holds   []time.Duration // the durations to draw for TripFor and a retry-after
	seen    *pairSeen       // of all pairs of a test
	permits []*pairPermit   // every permit ever requested; those of rejected calls are zero

	compared     time.Time                  // when same last ran
	wantReceived []atomicbreaker.Transition // expected since then, with errors and without times
	mu           sync.Mutex                 // a hook may run on a timer's goroutine, concurrently with a comparison
	received     [3][]atomicbreaker.Transition
}

// pairOptions are the options of a pair's breaker that the model does not have.
type pairOptions struct {
	classifies bool // pairClassifier
	retries    bool // pairRetryAfter
	dryRun     bool
	slow       time.Duration // slow threshold, 0: none
}

// pairHooks names the hooks whose transitions modelPair.received holds.
var pairHooks = [...]string{"the hook", "the second hook", "the asynchronous hook"}

const pairName = "sink"

func newPair(t rapid.TB, seen *pairSeen, c model.Config, start model.State, with pairOptions) *modelPair {
	p := &modelPair{
		m: model.At(c, start), c: c, with: with, seen: seen, compared: time.Now(),
	}
	seen.pairs++
	opts := append(options(c),
		atomicbreaker.WithOnTransition(p.hook(0)),
		atomicbreaker.WithAsyncOnTransition(p.hook(2)),
		atomicbreaker.WithOnTransition(p.hook(1)),
	)
	for _, w := range weighings[1:] {
		if w.failure == c.FailureWeight && w.success == c.SuccessWeight {
			opts = append(opts, atomicbreaker.WithFailureRate(w.rate))
		}
	}
	if with.classifies {
		opts = append(opts, atomicbreaker.WithClassifier(p.classify))
	}
	if with.retries {
		opts = append(opts, atomicbreaker.WithRetryAfter(pairRetryAfter))
	}
	if with.dryRun {
		opts = append(opts, atomicbreaker.WithDryRun())
	}
	if with.slow > 0 {
		opts = append(opts, atomicbreaker.WithSlowThreshold(with.slow))
	}
	b, err := atomicbreaker.New(pairName, opts...)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	b.Start(wordOf(start))
	p.b = b
	return p
}

func (p *modelPair) hook(i int) func(atomicbreaker.Transition) {
	return func(tr atomicbreaker.Transition) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.received[i] = append(p.received[i], tr)
	}
}

// same compares everything that is visible of the two.
func (p *modelPair) same(t rapid.TB) {
	synctest.Wait() // due timers have posted, and the asynchronous hook has returned

	s := p.m.State()
	if got := stateOf(p.b.Word()); got != s {
		t.Fatalf("word: %+v, want %+v", got, s)
	}
	want := p.snapshot(s)
	if got := p.b.Snapshot(); got != want {
		t.Fatalf("Snapshot: %+v, want %+v", got, want)
	}
	if got := p.b.State(); got != want.State {
		t.Fatalf("State: %v, want %v", got, want.State)
	}
	if got := p.b.Name(); got != pairName {
		t.Fatalf("Name: %q, want %q", got, pairName)
	}
	if got, want := p.b.RetryAfter(), p.m.RetryAfter(); got != want {
		t.Fatalf("RetryAfter: %v, want %v", got, want)
	}
	p.sameReceived(t)
}

// sameReceived compares what the hooks received with the transitions of the model. Order, number
// and every field count (I2, I7).
func (p *modelPair) sameReceived(t rapid.TB) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made(nil)
	now := time.Now()
	for i, got := range p.received {
		if !slices.EqualFunc(got, p.wantReceived, func(got, want atomicbreaker.Transition) bool {
			return sameTransition(got, want) && !got.At.Before(p.compared) && !got.At.After(now)
		}) {
			t.Fatalf("%s received %+v, want %+v, between %v and %v", pairHooks[i], got, p.wantReceived, p.compared, now)
		}
		p.received[i] = got[:0]
	}
	p.compared, p.wantReceived = now, p.wantReceived[:0]
}

// sameTransition ignores the time. The error must be identical, except for a slow call's, which
// contains its duration.
func sameTransition(got, want atomicbreaker.Transition) bool {
	if want.Err == atomicbreaker.ErrSlow && errors.Is(got.Err, atomicbreaker.ErrSlow) { //nolint:errorlint // a sentinel of settle's
		want.Err = got.Err
	}
	got.At = want.At
	return got == want
}

// made expects the transitions that the model has made, with err as the error of the report that
// caused them.
func (p *modelPair) made(err error) {
	for _, tr := range p.m.Transitions() {
		p.wantReceived = append(p.wantReceived, atomicbreaker.Transition{
			Name: pairName, From: pairStates[tr.From], To: pairStates[tr.To], Generation: tr.Generation,
			Cause: pairCauses[tr.Cause], Failures: tr.Failures, Attempt: tr.Attempt, Err: err,
		})
		p.seen.causes[pairCauses[tr.Cause]]++
		if err != nil {
			p.seen.errs++
		}
	}
}

var pairStates = map[string]atomicbreaker.State{
	"closed": atomicbreaker.Closed, "open": atomicbreaker.Open, "half_open": atomicbreaker.HalfOpen,
	"forced_open": atomicbreaker.ForcedOpen, "forced_closed": atomicbreaker.ForcedClosed,
}

var pairCauses = map[string]atomicbreaker.Cause{
	"failure_threshold": atomicbreaker.CauseFailureThreshold, "probe_admitted": atomicbreaker.CauseProbeAdmitted,
	"probe_succeeded": atomicbreaker.CauseProbeSucceeded, "probe_failed": atomicbreaker.CauseProbeFailed,
	"probe_timed_out": atomicbreaker.CauseProbeTimedOut, "tripped": atomicbreaker.CauseTripped,
	"reset": atomicbreaker.CauseReset, "forced": atomicbreaker.CauseForced,
}

// snapshot returns the snapshot that the breaker must return when the model is in s.
func (p *modelPair) snapshot(s model.State) atomicbreaker.Snapshot {
	failures := s.Failures
	if w := p.c.FailureWeight; w > 0 {
		failures = (failures + w - 1) / w // rounded up: part of a failure counts as one
	}
	return atomicbreaker.Snapshot{
		State:             pairStates[s.Phase.Public()],
		ProbeDue:          s.Phase == model.Due,
		Generation:        s.Generation,
		Attempt:           s.Attempt,
		Failures:          failures,
		HalfOpenCalls:     s.Calls,
		HalfOpenSuccesses: s.Successes,
	}
}

func (p *modelPair) allow(t rapid.TB) {
	_, verdict := p.m.Admit()
	if got, want := p.b.Allow(), verdict == model.Admitted || p.with.dryRun; got != want {
		t.Fatalf("Allow: %t, want %t", got, want)
	}
}

// pairOperations are an operator's calls; see operate.
var pairOperations = []string{"Trip", "TripFor", "Reset", "ForceOpen", "ForceClosed"}

func (p *modelPair) operate(operation string, d time.Duration) {
	switch operation {
	case "Trip":
		p.b.Trip()
		p.m.Trip()
	case "TripFor":
		p.b.TripFor(d)
		p.m.TripFor(d)
	case "Reset":
		p.b.Reset()
		p.m.Reset()
	case "ForceOpen":
		p.b.ForceOpen()
		p.m.ForceOpen()
	case "ForceClosed":
		p.b.ForceClosed()
		p.m.ForceClosed()
	}
}

// pairSeen counts what a test covered. A test that covers nothing must not pass.
type pairSeen struct {
	pairs  int
	causes [atomicbreaker.CauseForced + 1]int // transitions
	errs   int                                // transitions with an error
}

// everything fails the test if a cause never occurred.
func (s *pairSeen) everything(t *testing.T) {
	t.Helper()
	for cause, n := range s.causes {
		t.Logf("%v: %d transitions", atomicbreaker.Cause(cause), n)
		if s.pairs >= 100 && !t.Failed() { // with fewer it may be chance
			assert.Positive(t, n, "no transition with cause %v in %d breakers", atomicbreaker.Cause(cause), s.pairs)
		}
	}
	t.Logf("%d transitions with an error", s.errs)
	if s.pairs >= 100 && !t.Failed() {
		assert.Positive(t, s.errs, "no transition with an error in %d breakers", s.pairs)
	}
}
