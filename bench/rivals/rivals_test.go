// SPDX-License-Identifier: Apache-2.0

package rivals

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/rivals/atomic"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/eapache"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/failsafe"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/gobreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/gozero"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/handy"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/hystrix"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/mutex"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/rubyist"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/rwmutex"
	"github.com/sinkguard/go-atomicbreaker/bench/rivals/unpacked"
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
	inOne, inTwo := gobreaker.New(s), gobreaker.New(s)
	return []guarded{
		does("atomic", atomic.New(s).Do),
		does("mutex", mutex.New(s).Do),
		does("rwmutex", rwmutex.New(s).Do),
		does("unpacked", unpacked.New(s).Do),
		steps("unpacked in two steps", unpacked.New(s).TryAcquire),
		does("gobreaker", func(fn func() error) error { return inOne.Do(gobreakerFunc(fn)) }),
		steps("gobreaker in two steps", inTwo.TryAcquire),
		does("failsafe", failsafe.New(s).Do),
		steps("failsafe in two steps", failsafe.New(s).TryAcquire),
		does("rubyist", rubyist.New(s).Do),
		steps("rubyist in two steps", rubyist.New(s).TryAcquire),
		does("eapache", eapache.New(s).Do),
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
	for _, b := range []guarded{
		does("hystrix", hystrix.Open().Do),
		does("gozero", gozero.Open().Do), steps("gozero in two steps", gozero.Open().TryAcquire), steps("handy", handy.Open().TryAcquire),
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
	for _, b := range append(counting(scenario.FlakyScene), does("hystrix", hystrix.New(scenario.FlakyScene).Do), does("gozero", gozero.New(scenario.FlakyScene).Do),
		steps("handy", handy.New(scenario.FlakyScene).TryAcquire)) {
		for i := range 1000 {
			require.True(t, b.report(i%4 != 0), "%s: call %d", b.name, i)
		}
	}
}
