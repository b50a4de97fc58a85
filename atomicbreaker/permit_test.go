// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// ways are a permit's reports, by name.
var ways = map[string]func(*atomicbreaker.Permit){
	"success":       (*atomicbreaker.Permit).Success,
	"failure":       (*atomicbreaker.Permit).Failure,
	"cancel":        (*atomicbreaker.Permit).Cancel,
	"fail":          func(p *atomicbreaker.Permit) { p.Fail(errDown) },
	"report nil":    func(p *atomicbreaker.Permit) { p.Report(nil) },
	"report error":  func(p *atomicbreaker.Permit) { p.Report(errDown) },
	"report cancel": func(p *atomicbreaker.Permit) { p.Report(context.Canceled) },
}

func TestPermit_ZeroIsInert(t *testing.T) {
	var p atomicbreaker.Permit
	require.Zero(t, p.Generation())
	for name, report := range ways {
		require.NotPanics(t, func() { report(&p) }, name)
		require.Zero(t, p.Generation())
	}
}

func TestPermit_RejectionGivesTheZeroPermit(t *testing.T) {
	b, _ := kept(t)
	for _, step := range []func(){b.Trip, func() { b.Elapsed(1, 0); _ = b.Allow() }, b.ForceOpen} {
		step()
		p, ok := b.TryAcquire()
		require.False(t, ok, b.State())
		require.Zero(t, p)
	}
}

// Only the first report counts, whatever it is and whatever follows.
func TestPermit_ReportsOnce(t *testing.T) {
	for first, report := range ways {
		for second, again := range ways {
			t.Run(first+", "+second, func(t *testing.T) {
				b, l := kept(t, atomicbreaker.WithHalfOpenMaxCalls(3), atomicbreaker.WithSuccessThreshold(3),
					atomicbreaker.WithFailureThreshold(5))
				b.RecordFailure()
				closed := acquired(t, b)
				report(&closed)
				after := b.Snapshot()
				again(&closed)
				require.Equal(t, after, b.Snapshot())

				b.Start(word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 9, Failures: 5, Calls: 2}))
				probe := b.PermitOf(9)
				report(&probe)
				after = b.Snapshot()
				again(&probe)
				require.Equal(t, after, b.Snapshot())
				require.Zero(t, probe.Generation(), "spent")
				require.LessOrEqual(t, len(l.all()), 1)
			})
		}
	}
}

// The table has the effect of each report while closed with one failure counted, and while
// half-open with two probes in flight.
func TestPermit_Reports(t *testing.T) {
	type counts struct{ failures, calls, successes, attempt int }
	for name, want := range map[string]struct{ closed, halfOpen counts }{
		"success":       {counts{}, counts{5, 1, 1, 0}},
		"failure":       {counts{failures: 2}, counts{5, 0, 0, 1}},
		"cancel":        {counts{failures: 1}, counts{5, 1, 0, 0}},
		"fail":          {counts{failures: 2}, counts{5, 0, 0, 1}},
		"report nil":    {counts{}, counts{5, 1, 1, 0}},
		"report error":  {counts{failures: 2}, counts{5, 0, 0, 1}},
		"report cancel": {counts{failures: 1}, counts{5, 1, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			b, _ := kept(t, atomicbreaker.WithHalfOpenMaxCalls(3), atomicbreaker.WithSuccessThreshold(3))
			read := func() counts {
				s := b.Snapshot()
				return counts{s.Failures, s.HalfOpenCalls, s.HalfOpenSuccesses, s.Attempt}
			}
			b.RecordFailure()
			p := acquired(t, b)
			ways[name](&p)
			require.Equal(t, want.closed, read())

			b.Start(word.Pack(word.Fields{Phase: word.HalfOpen, Generation: 9, Failures: 5, Calls: 2}))
			p = b.PermitOf(9)
			ways[name](&p)
			require.Equal(t, want.halfOpen, read())
		})
	}
}

// A permit of another period, earlier or later, changes nothing in any phase, even after the
// generation has wrapped (I3).
func TestPermit_OfAnotherPeriodChangesNothing(t *testing.T) {
	for phase := word.Closed; phase <= word.Cooling; phase++ {
		for _, generation := range []uint32{0, 7, word.MaxGeneration} {
			for _, off := range []int{-2, -1, 1, 2, 1 << 23} {
				for name, report := range ways {
					b, l := kept(t)
					calls := uint32(0)
					if phase == word.HalfOpen {
						calls = 1
					}
					b.Start(word.Pack(word.Fields{Phase: phase, Generation: generation, Attempt: 3, Failures: 4, Calls: calls}))
					before := b.Word()
					p := b.PermitOf(uint32(int(generation)+off) & word.MaxGeneration)
					report(&p)
					require.Equal(t, before, b.Word(), "%v changed the word in phase %d", name, phase)
					require.Empty(t, l.all())
				}
			}
		}
	}
}

func TestPermit_Generation(t *testing.T) {
	b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithHalfOpenMaxCalls(2))
	p := acquired(t, b)
	require.Zero(t, p.Generation())
	b.Trip()
	probe := acquired(t, b)
	require.Equal(t, uint32(2), probe.Generation(), "the permit is not of the period that it began")
	second := acquired(t, b)
	require.Equal(t, uint32(2), second.Generation())
	b.Reset()
	later := acquired(t, b)
	require.Equal(t, uint32(3), later.Generation())
	require.Equal(t, uint32(2), probe.Generation(), "the permit's generation changed")
	b.ForceClosed()
	forced := acquired(t, b)
	require.Equal(t, uint32(4), forced.Generation())

	later.Success()
	require.Zero(t, later.Generation())
	b.Start(word.Pack(word.Fields{Generation: word.MaxGeneration}))
	last := acquired(t, b)
	require.Equal(t, uint32(word.MaxGeneration), last.Generation())
}

// Copies of a permit report separately. That is misuse: the counts become wrong, and nothing worse
// happens.
func TestPermit_CopiesAreBounded(t *testing.T) {
	b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithHalfOpenMaxCalls(2),
		atomicbreaker.WithSuccessThreshold(5))
	b.Trip()
	original := acquired(t, b)
	for range 3 {
		p := original
		p.Success()
	}
	require.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.HalfOpen, Generation: 2, HalfOpenSuccesses: 1},
		b.Snapshot(), "a success counted with no probe in flight")
	require.NotZero(t, original.Generation())
}

func TestPermit_DeferredCancelSettlesEveryPath(t *testing.T) {
	b, _ := kept(t, atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithSuccessThreshold(2))
	write := func(fail func() error) (err error) {
		p, ok := b.TryAcquire()
		if !ok {
			return atomicbreaker.ErrOpen
		}
		defer p.Cancel()
		if err := fail(); err != nil {
			return fmt.Errorf("before the sink was asked: %w", err)
		}
		p.Success()
		return nil
	}
	b.Trip()
	require.Error(t, write(func() error { return errDown }))
	require.Equal(t, 0, b.Snapshot().HalfOpenCalls)
	require.Panics(t, func() { _ = write(func() error { panic("early") }) })
	require.Equal(t, 0, b.Snapshot().HalfOpenCalls)
	require.NoError(t, write(func() error { return nil }))
	require.Equal(t, 1, b.Snapshot().HalfOpenSuccesses)
	require.NoError(t, write(func() error { return nil }))
	require.Equal(t, atomicbreaker.Closed, b.State())
}
