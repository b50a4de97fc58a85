// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// guarded is a breaker under test. report asks for admission and, if admitted, reports an outcome.
type guarded struct {
	name   string
	report func(ok bool) (admitted bool)
}

// does makes a guarded from a Do: the call was admitted if the function ran.
func does(name string, do func(fn func() error) error) guarded {
	return guarded{name, func(ok bool) (ran bool) {
		_ = do(func() error {
			ran = true
			if ok {
				return nil
			}
			return scenario.ErrSink
		})
		return ran
	}}
}

type settled interface {
	Success()
	Failure()
}

// steps makes a guarded from the two steps.
func steps[P settled](name string, acquire func() (P, bool)) guarded {
	return guarded{name, func(ok bool) bool {
		p, admitted := acquire()
		switch {
		case admitted && ok:
			p.Success()
		case admitted:
			p.Failure()
		}
		return admitted
	}}
}

func gobreakerFunc(fn func() error) func() (int, error) {
	return func() (int, error) { return 0, fn() }
}

// counting returns the breakers that can be configured to trip after five failures.
func counting(s scenario.Scene) []guarded {
	gobreaker, gobreakerTwoStep := gobreakerNew(s), gobreakerNew(s)
	return []guarded{
		does("atomic", atomicNew(s).Do),
		does("mutex", mutexNew(s).Do),
		does("rwmutex", rwmutexNew(s).Do),
		does("unpacked", unpackedNew(s).Do),
		steps("unpacked in two steps", unpackedNew(s).TryAcquire),
		does("gobreaker", func(fn func() error) error { return gobreaker.Do(gobreakerFunc(fn)) }),
		steps("gobreaker in two steps", gobreakerTwoStep.TryAcquire),
		does("failsafe", failsafeNew(s).Do),
		steps("failsafe in two steps", failsafeNew(s).TryAcquire),
		does("rubyist", rubyistNew(s).Do),
		steps("rubyist in two steps", rubyistNew(s).TryAcquire),
		does("eapache", eapacheNew(s).Do),
	}
}

// The benchmarks are valid only if every implementation trips after the fifth failure and not
// before.
func TestRivals_TripAtTheFifthFailure(t *testing.T) {
	for _, b := range counting(scenario.UsualScene) {
		for i := range scenario.CycleLength {
			require.True(t, b.report(false), "%s: failure %d", b.name, i+1)
		}
		assert.False(t, b.report(true), b.name)
	}
}

// A breaker that counts consecutive failures clears them at a success. A fast implementation may
// claim so and not do it.
func TestRivals_CountConsecutiveFailures(t *testing.T) {
	for _, b := range counting(scenario.UsualScene) {
		for range 3 {
			for range scenario.CycleLength - 1 {
				b.report(false)
			}
			b.report(true)
		}
		assert.Equal(t, b.name != "eapache", b.report(true), b.name)
	}
}

func TestRivals_RecoverAndCloseAtASuccess(t *testing.T) {
	for _, b := range counting(scenario.HalfOpenScene) {
		for range scenario.CycleLength {
			b.report(false)
		}
		require.Eventually(t, func() bool { return b.report(true) }, 5e9, 1e6, "%s: no probe was admitted", b.name)
		for i := range scenario.CycleLength {
			require.True(t, b.report(false), "%s: tripped at failure %d after closing", b.name, i+1)
		}
	}
}

// The other breakers trip by their own rules, and reject calls while open.
func TestRivals_RejectWhenOpen(t *testing.T) {
	handy, gozero, gozeroTwoStep := handyOpen(), gozeroOpen(), gozeroOpen()
	for _, b := range []guarded{
		does("hystrix", hystrixOpen().Do),
		does("gozero", gozero.Do), steps("gozero in two steps", gozeroTwoStep.TryAcquire), steps("handy", handy.TryAcquire),
	} {
		admitted := 0
		for range 1000 {
			if b.report(false) {
				admitted++
			}
		}
		assert.LessOrEqual(t, admitted, 10, b.name)
	}
}

func TestRivals_NeverTripWhenFlaky(t *testing.T) {
	for _, b := range append(counting(scenario.FlakyScene), does("hystrix", hystrixNew(scenario.FlakyScene).Do), does("gozero", gozeroNew(scenario.FlakyScene).Do),
		steps("handy", handyNew(scenario.FlakyScene).TryAcquire)) {
		for i := range 1000 {
			require.True(t, b.report(i%4 != 0), "%s: call %d", b.name, i)
		}
	}
}

// The permits of the unpacked variant belong to no period: an outcome from before the outage closes
// the breaker while its probe is still in flight. That does not happen to ours.
func TestUnpacked_LateSuccessCloses(t *testing.T) {
	unpacked := unpackedNew(scenario.HalfOpenScene)
	late, _ := unpacked.TryAcquire()
	unpacked.Trip()
	_, probe := unpacked.TryAcquire()
	require.True(t, probe)
	late.Success()
	assert.True(t, unpacked.Allow(), "the late outcome did not close it")

	ours := atomicNew(scenario.HalfOpenScene)
	permit, _ := ours.TryAcquire()
	ours.Trip()
	_, probe = ours.TryAcquire()
	require.True(t, probe)
	permit.Success()
	assert.False(t, ours.Allow(), "the late outcome closed it")
}
