// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Option configures a breaker. [New] checks the values. If an option is repeated, the last one
// wins; hooks accumulate.
type Option func(*config)

// config collects the options and their errors.
type config struct {
	failureThreshold                   int     // 0: not given
	failureRate                        float64 // 0: consecutive failures
	halfOpenMaxCalls, successThreshold int

	timing            timing
	dryRun            bool
	classify          func(error) Outcome
	retryAfter        func(error) (time.Duration, bool)
	hooks, asyncHooks []func(Transition)
	onHookPanic       func(Transition, any)

	params word.Params // derived from the counts
	errs   []error
}

// WithFailureThreshold sets how many failures open a closed breaker: consecutive failures or, with
// [WithFailureRate], failures in excess of the rate. That many failures in a row always open it.
//
// The range is 1 to 65,535, and less with a rate: see [WithFailureRate]. The default is 5, or 100
// with a rate.
func WithFailureThreshold(n int) Option {
	return func(c *config) {
		c.check(1 <= n && n <= word.MaxFailures,
			"WithFailureThreshold(%d): want 1..%d", n, word.MaxFailures)
		c.failureThreshold = n
	}
}

// WithFailureRate opens the breaker when the share of calls that fail exceeds rate. The rate is
// more than 0 and less than 1. By default the breaker counts consecutive failures instead. Choose a
// rate between the share of failures that you tolerate and the share in an outage.
//
// The test is CUSUM (Page, 1954): a failure adds a weight to the failure count, a success subtracts
// another weight, the count never goes below 0, and the breaker opens when the count reaches
// [WithFailureThreshold] failures. If exactly the share rate of the calls fail, the weights
// balance. There is no window and no clock, so failures do not expire when calls are rare. While
// the count is 0, successes write nothing.
//
// If calls fail independently, with the default threshold of 100 and a rate of 0.01 to 0.5:
//
//   - Below the rate, the breaker opens only by chance. At a share of 0.8 × rate this takes more
//     than 10^18 calls on average. With a threshold of 20 it takes 10^4 to 10^7 calls, and with a
//     threshold of 5 fewer than 10^4.
//   - At the rate, the breaker opens after 10^4 to 10^6 calls.
//   - Above the rate, at a share p, the breaker opens after about threshold × (1−rate)/(p−rate)
//     calls.
//   - If all calls fail, the breaker opens after threshold calls. If each call times out after 5 s
//     and calls do not overlap, 100 calls take 500 s. For such a sink, set the threshold to 20 or
//     use a breakerio.Lane.
//
// CONCURRENCY.md, section 15, has the exact means. Failures that come in bursts need a higher
// threshold. At a rate of 1 − 1/threshold or more, one success clears the count, as without a rate.
//
// The weights are integers, so the share at which they balance may differ from rate: by at most
// 0.01, and by at most rate/10. At rates up to 0.5 a failure weighs about (1−rate)/rate. The weight
// of threshold failures must fit in 16 bits; otherwise New returns an error. The default threshold
// is 100, or the highest that fits. At rates below about 0.0003 fewer than 20 failures fit, and New
// returns an error unless WithFailureThreshold is given.
func WithFailureRate(rate float64) Option {
	return func(c *config) {
		if c.check(0 < rate && rate < 1,
			"WithFailureRate(%v): want more than 0 and less than 1", rate) {
			c.failureRate = rate
		}
	}
}

// WithRecoveryTimeout sets how long the breaker stays open before it admits a probe: 0 or more; the
// default is 30 s. At 0, the next call is a probe, and back-off and jitter have no effect.
func WithRecoveryTimeout(d time.Duration) Option {
	return func(c *config) {
		c.check(d >= 0, "WithRecoveryTimeout(%v): want 0 or more", d)
		c.timing.recovery = d
	}
}

// WithBackoff doubles the recovery timeout, up to maximum, for each recovery that did not last. A
// recovery did not last if a probe failed or timed out, or if the breaker closed and opened again
// before it was stable. The breaker halves the number of these recoveries each time it has been
// closed for another recovery timeout (without back-off, at least 10 ms, plus jitter) and has no
// failures counted.
//
// The maximum is more than 0 and at least the recovery timeout. By default there is no back-off.
func WithBackoff(maximum time.Duration) Option {
	return func(c *config) {
		c.check(maximum > 0, "WithBackoff(%v): want more than 0", maximum)
		c.timing.backoff = maximum
	}
}

// WithJitter lengthens each recovery timeout by a random share of it between 0 and fraction, so
// that breakers that opened together do not probe together. It applies after the cap of
// [WithBackoff], and also to the time after which that option halves its count. The fraction is 0
// or more and finite; the default is 0.
func WithJitter(fraction float64) Option {
	return func(c *config) {
		c.check(0 <= fraction && fraction <= math.MaxFloat64,
			"WithJitter(%v): want 0 or more, and finite", fraction)
		c.timing.jitter = fraction
	}
}

// WithHalfOpenMaxCalls sets how many probes a half-open breaker may have in flight at once: 1 to
// 255; the default is 1.
func WithHalfOpenMaxCalls(n int) Option {
	return func(c *config) {
		c.check(1 <= n && n <= word.MaxCalls,
			"WithHalfOpenMaxCalls(%d): want 1..%d", n, word.MaxCalls)
		c.halfOpenMaxCalls = n
	}
}

// WithSuccessThreshold sets how many probes must succeed in one half-open period to close the
// breaker: 1 to 255; the default is 1. It may exceed [WithHalfOpenMaxCalls], because each report
// frees a place for another probe.
func WithSuccessThreshold(n int) Option {
	return func(c *config) {
		c.check(1 <= n && n <= word.MaxSuccesses,
			"WithSuccessThreshold(%d): want 1..%d", n, word.MaxSuccesses)
		c.successThreshold = n
	}
}

// WithProbeTimeout sets how long a half-open breaker waits for its probes: 0 or more; the default
// is 30 s. At 0, it waits forever. The breaker opens again if no probe has succeeded for that long
// while one is in flight. The time starts when a probe is admitted. Canceling that probe does not
// restart it, so the next probe may get less time.
func WithProbeTimeout(d time.Duration) Option {
	return func(c *config) {
		c.check(d >= 0, "WithProbeTimeout(%v): want 0 or more", d)
		c.timing.probe = d
	}
}

// WithClassifier sets the function that decides what an error says about the sink. [Permit.Report],
// [Breaker.Do] and [Call] call f on the reporting goroutine with each non-nil error for which
// [WithRetryAfter] finds no retry time. f must be safe for concurrent use. A nil error is always a
// success. By default an error that matches [context.Canceled] is Ignore, and any other error is
// Failure.
func WithClassifier(f func(error) Outcome) Option {
	return func(c *config) {
		if c.check(f != nil, "WithClassifier(nil): want a function") {
			c.classify = f
		}
	}
}

// WithRetryAfter sets a function that reads a retry time from an error, such as the Retry-After
// header of a 429 or 503 response. [Permit.Report], [Breaker.Do] and [Call] call f with each
// non-nil error, on the reporting goroutine and before the classifier, so f must be safe for
// concurrent use. If f returns true and a positive d, the report opens the breaker for d as
// [Breaker.TripFor] does, and the classifier is not called. A probe that fails this way counts as a
// failed recovery. A report from an earlier period can only extend an open period. [Permit.Fail]
// does not call f. By default no error has a retry time.
func WithRetryAfter(f func(error) (d time.Duration, ok bool)) Option {
	return func(c *config) {
		if c.check(f != nil, "WithRetryAfter(nil): want a function") {
			c.retryAfter = f
		}
	}
}

// WithSlowThreshold makes a call that succeeds after more than d count as a failure. The result of
// the call does not change. The option applies to [Breaker.Do], [Call] and the adapters, which then
// read the clock twice per call. If such a call makes a transition, [Transition.Err] matches
// [ErrSlow].
//
// The threshold is more than 0. By default no success is too slow.
func WithSlowThreshold(d time.Duration) Option {
	return func(c *config) {
		c.check(d > 0, "WithSlowThreshold(%v): want more than 0", d)
		c.timing.slow = d
	}
}

// WithDryRun makes the breaker admit every call, so that you can try a configuration on a live
// service. The breaker changes its state and publishes its transitions as usual. A call that it
// would reject gets a spent permit, whose report has no effect. [Breaker.Allow] gives no permit, so
// on a half-open breaker the report of such a call may count as a probe's.
func WithDryRun() Option {
	return func(c *config) { c.dryRun = true }
}

// WithOnTransition adds a function that is called with every transition exactly once, in the order
// of the generations, one at a time. If the option is repeated, all functions are called, in the
// order of the options.
//
// f runs before the call that made the transition returns, on the same goroutine, which may be a
// timer's. If another goroutine is delivering at that moment, f runs on that one instead, and the
// call returns without waiting for it. f runs under no lock and may call any method of the breaker;
// transitions that it makes are delivered after it returns.
//
// The delivering goroutine continues until nothing is left to deliver. If transitions arrive faster
// than f returns, the call on that goroutine may not return for an unbounded time. Use
// [WithAsyncOnTransition] for such a function.
//
// f must not log through the guarded logger: the handlers of log/slog and log hold a mutex while
// they write, so f would deadlock. Use [WithAsyncOnTransition] for that as well.
//
// A panic in f is recovered and printed with its stack to os.Stderr; see [WithOnHookPanic]. If f
// calls [runtime.Goexit], a new goroutine delivers the remaining transitions. The change that the
// ended call made stands, but an admission is given back as by [Permit.Cancel].
func WithOnTransition(f func(Transition)) Option {
	return func(c *config) {
		if c.check(f != nil, "WithOnTransition(nil): want a function") {
			c.hooks = append(c.hooks, f)
		}
	}
}

// WithAsyncOnTransition adds a function that is called like one of [WithOnTransition], but on a
// separate goroutine, which ends when nothing is left to deliver. f may block, and may log through
// the guarded logger. No call of the breaker waits for f, so the queue of transitions grows without
// bound if they arrive faster than f returns.
//
// All functions of WithAsyncOnTransition share one goroutine, so one that blocks delays the others.
// [Breaker.Subscribe] gives each function its own.
func WithAsyncOnTransition(f func(Transition)) Option {
	return func(c *config) {
		if c.check(f != nil, "WithAsyncOnTransition(nil): want a function") {
			c.asyncHooks = append(c.asyncHooks, f)
		}
	}
}

// WithOnHookPanic sets the function that is called when a hook panics, whether from
// [WithOnTransition], [WithAsyncOnTransition] or [Breaker.Subscribe], with the hook's transition
// and the value of the panic. By default both are printed to os.Stderr, with the stack.
//
// A hook's panic neither reaches the caller of the breaker nor ends the program, and delivery
// continues. f runs on the goroutine of the hook and has the same constraints.
// [runtime/debug.Stack], called in f, includes the stack of the panic. If f panics, both panics are
// printed. If the option is repeated, the last one wins.
func WithOnHookPanic(f func(Transition, any)) Option {
	return func(c *config) {
		if c.check(f != nil, "WithOnHookPanic(nil): want a function") {
			c.onHookPanic = f
		}
	}
}

func classifyByDefault(err error) Outcome {
	if errors.Is(err, context.Canceled) {
		return Ignore
	}
	return Failure
}

// newConfig applies the options to the defaults.
func newConfig(opts []Option) (*config, error) {
	c := &config{
		halfOpenMaxCalls: 1,
		successThreshold: 1,
		timing:           timing{recovery: 30 * time.Second, probe: 30 * time.Second},
		classify:         classifyByDefault,
	}
	for i, opt := range opts {
		if c.check(opt != nil, "option %d of %d is nil", i+1, len(opts)) {
			opt(c)
		}
	}
	t := c.timing
	c.check(t.backoff <= 0 || t.backoff >= t.recovery,
		"WithBackoff(%v): want no less than the recovery timeout, %v", t.backoff, t.recovery)
	if len(c.errs) == 0 { // a bad threshold has no weights
		c.params = c.newParams()
	}
	return c, errors.Join(c.errs...)
}

// check records an error for New if an option is bad. It returns good.
func (c *config) check(good bool, format string, args ...any) bool {
	if !good {
		c.errs = append(c.errs, badOption(format, args...))
	}
	return good
}
