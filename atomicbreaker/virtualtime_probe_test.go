// SPDX-License-Identifier: Apache-2.0

//go:build !explore

package atomicbreaker_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// Together the four probes take a minute, which is twice the probe timeout. Each takes less than a
// tick.
func TestVirtualTime_SlowTrafficOnAHealthySinkCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithSuccessThreshold(4), atomicbreaker.WithProbeTimeout(30*time.Second))
		b.Trip()
		wait(30 * time.Second)
		for range 3 {
			p := probe(t, b)
			p.Success()
			wait(15 * time.Second)
		}
		recovers(t, b)
		wait(time.Hour)
		assert.Equal(t, atomicbreaker.Snapshot{State: atomicbreaker.Closed, Generation: 3}, b.Snapshot())
	})
}

func TestVirtualTime_ALostProbeCostsOneProbeTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last atomicbreaker.Transition
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(10*time.Second),
			atomicbreaker.WithProbeTimeout(7*time.Second),
			atomicbreaker.WithOnTransition(func(tr atomicbreaker.Transition) { last = tr }))
		b.Trip()
		wait(10 * time.Second)
		lost := probe(t, b)
		admitted := time.Now()
		require.False(t, b.Allow(), "a call was admitted although the place is taken")

		wait(7*time.Second - tick)
		require.Equal(t, atomicbreaker.HalfOpen, b.State(), "the probe timed out too early")
		wait(tick)
		require.Equal(t, atomicbreaker.Transition{
			Name: "sink", From: atomicbreaker.HalfOpen, To: atomicbreaker.Open,
			Generation: 3, Cause: atomicbreaker.CauseProbeTimedOut, Attempt: 1,
		}, undated(last)[0])
		require.Equal(t, 7*time.Second, last.At.Sub(admitted))

		coolsFor(t, b, 10*time.Second)
		p := probe(t, b)
		lost.Failure() // of an earlier period
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
		p.Success()
		require.Equal(t, atomicbreaker.Closed, b.State())
	})
}

// A probe that succeeds voids the timer of the probes admitted with it. If one of them is lost, the
// next admission starts a timer of its own, and the period ends one probe timeout after that
// admission.
func TestVirtualTime_AProbeLostAmongOthersCostsOneProbeTimeoutAfterTheLastAdmission(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithHalfOpenMaxCalls(2), atomicbreaker.WithSuccessThreshold(5),
			atomicbreaker.WithProbeTimeout(7*time.Second))
		b.Trip()
		wait(30 * time.Second)
		probe(t, b) // lost
		answered := probe(t, b)
		wait(5 * time.Second)
		answered.Success()
		wait(time.Hour)
		require.Equal(t, atomicbreaker.HalfOpen, b.State(), "timed out although a probe has succeeded since")
		require.Equal(t, 1, b.Snapshot().HalfOpenCalls)

		probe(t, b) // lost too
		require.False(t, b.Allow())
		wait(7*time.Second - tick)
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
		wait(tick)
		require.Equal(t, atomicbreaker.Open, b.State())
	})
}

func TestVirtualTime_AProbeTimeoutOfZeroWaitsForever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := atomicbreaker.MustNew("sink", atomicbreaker.WithProbeTimeout(0))
		b.Trip()
		wait(30 * time.Second)
		p := probe(t, b)
		wait(100 * 365 * 24 * time.Hour)
		require.Equal(t, atomicbreaker.HalfOpen, b.State())
		require.False(t, b.Allow())
		p.Success()
		require.Equal(t, atomicbreaker.Closed, b.State())
	})
}

// A caller that takes a probe and cancels it, over and over, must not start a timer each time: a
// probe timeout of 30 s and a million calls a second would make 30 million of them.
func TestVirtualTime_CanceledProbesDoNotPileUpTimers(t *testing.T) {
	b := atomicbreaker.MustNew("sink", atomicbreaker.WithRecoveryTimeout(0), atomicbreaker.WithProbeTimeout(24*time.Hour),
		atomicbreaker.WithHalfOpenMaxCalls(2), atomicbreaker.WithSuccessThreshold(200))
	b.Trip()
	giveBack := func() {
		p, ok := b.TryAcquire()
		if !ok {
			t.Fatal("no probe admitted")
		}
		p.Cancel()
	}
	giveBack() // makes it half-open, and starts the timer that serves all the others
	assert.Zero(t, testing.AllocsPerRun(1000, giveBack), "a canceled probe started a timer")

	p := probe(t, b)
	p.Success()
	giveBack() // the number of successes has changed: one more timer
	assert.Zero(t, testing.AllocsPerRun(1000, giveBack))
}

// One timer serves many probes, and no probe is without one. All of these probes but the last are
// canceled; the last is lost, each time at another moment of the running timer.
func TestVirtualTime_AProbeLostAfterManyCanceledOnesTimesOut(t *testing.T) {
	for givenBack := range 20 {
		synctest.Test(t, func(t *testing.T) {
			c := counts(1, 2, 3)
			c.RecoveryTimeout, c.ProbeTimeout = 0, 7*time.Second
			var seen pairSeen
			p := newPair(t, &seen, c, model.State{}, pairOptions{})
			p.operate("Trip", 0)
			for range givenBack {
				p.tryAcquire(t)
				p.report(t, len(p.permits)-1, pairReport{how: "Cancel"})
				p.sleep(time.Second)
				p.same(t)
			}
			p.tryAcquire(t)
			for range 7 {
				p.sleep(time.Second - tick)
				p.same(t)
				p.sleep(tick)
				p.same(t)
			}
			assert.Equal(t, 1, seen.causes[atomicbreaker.CauseProbeTimedOut])
		})
	}
}

// Two timers of one period are pending, because a success came between their probes. After the
// first has fired, the second still serves every probe that is admitted before it fires. A third
// would end the period before the probe timeout of the last probe.
func TestVirtualTime_ATimerThatFiresLeavesTheNextOneItsPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := counts(1, 1, 2)
		c.RecoveryTimeout, c.ProbeTimeout = 0, 7*time.Second
		var seen pairSeen
		p := newPair(t, &seen, c, model.State{}, pairOptions{})
		probed := func(how string) {
			p.tryAcquire(t)
			p.report(t, len(p.permits)-1, pairReport{how: how})
			p.same(t)
		}
		sleep := func(d time.Duration) {
			p.sleep(d)
			p.same(t)
		}
		p.operate("Trip", 0)
		probed("Success") // at 0 s: a timer for 7 s
		sleep(2 * time.Second)
		probed("Cancel") // at 2 s: a timer for 9 s, because there is a success now
		sleep(6 * time.Second)
		probed("Cancel") // at 8 s: the timer for 9 s is pending
		sleep(2 * time.Second)
		p.tryAcquire(t) // at 10 s: a timer for 17 s
		sleep(7*time.Second - tick)
		sleep(tick)
		assert.Equal(t, 1, seen.causes[atomicbreaker.CauseProbeTimedOut])
	})
}
