// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"cmp"
	"context"
	"errors"
	"math"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Option configures a breaker. [New] checks the values. If an option is repeated, the last one wins;
// hooks accumulate.
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
// [WithFailureRate], the net excess over the rate. That many failures in a row always open it.
//
// The range is 1 to 65,535, and less with a rate: see [WithFailureRate]. The default is 5, or 100 with
// a rate.
func WithFailureThreshold(n int) Option {
	return func(c *config) {
		c.check(1 <= n && n <= word.MaxFailures,
			"WithFailureThreshold(%d): want 1..%d", n, word.MaxFailures)
		c.failureThreshold = n
	}
}

// WithFailureRate opens the breaker when more than the share rate of the calls fail. The rate is
// between 0 and 1, both excluded. By default the breaker counts consecutive failures. Pick a rate
// between the share of failures that you tolerate and the share in an outage.
//
// The test is CUSUM (Page, 1954): a failure adds a weight to the failure count, a success takes
// another weight away, the count never goes below 0, and the breaker opens when it reaches
// [WithFailureThreshold] failures. At a share of exactly rate the weights balance. There is no
// window and no clock, so a slow outage is not forgotten, and the calls of a sink that never fails
// write nothing.
//
// If calls fail independently, with the default threshold of 100 and a rate of 0.01 to 0.5:
//
//   - Well below the rate the breaker opens by chance alone, and the chance is negligible: at a
//     share of 0.8 × rate after more than 10^18 calls on average. Threshold 20 makes that 10^4 to
//     10^7 calls, threshold 5 less than 10^4.
//   - At the rate it opens after 10^4 to 10^6 calls.
//   - Above the rate, at a share p, it opens after about threshold × (1−rate)/(p−rate) calls.
//   - If all calls fail, it opens after threshold calls in a row. One after another at a timeout of
//     5 s, 100 calls take 500 s. For a sink that times out, set the threshold to 20 or use a
//     breakerio.Lane.
//
// CONCURRENCY.md, section 15, has the exact means. Failures that come in bursts need a higher
// threshold. At a rate of 1 − 1/threshold or more, one success clears the count, as without a rate.
//
// The weights are integers. The share at which they balance differs from rate by at most 0.01 and
// at most rate/10, and by less where the threshold leaves room. Up to a rate of 0.5
// a failure weighs about (1−rate)/rate, and threshold failures must fit 16 bits, or New returns an
// error. The default threshold is 100 or the highest that fits. If fewer than 20 fit, at rates under
// about 0.0003, New returns an error unless WithFailureThreshold is given.
func WithFailureRate(rate float64) Option {
	return func(c *config) {
		if c.check(0 < rate && rate < 1,
			"WithFailureRate(%v): want more than 0 and less than 1", rate) {
			c.failureRate = rate
		}
	}
}

// WithRecoveryTimeout sets how long the breaker stays open before it admits a probe: 0 or more,
// default 30 s. At 0 the next call is a probe, and back-off and jitter have no effect.
func WithRecoveryTimeout(d time.Duration) Option {
	return func(c *config) {
		c.check(d >= 0, "WithRecoveryTimeout(%v): want 0 or more", d)
		c.timing.recovery = d
	}
}

// WithBackoff doubles the recovery timeout, up to maximum, for each recovery that did not last: a
// failed or unanswered probe, or a recovery after which the breaker opened again before the sink was
// stable. While the breaker stays closed, the number of such recoveries halves after each recovery
// timeout (without back-off, at least 10 ms, plus jitter) that ends without a counted failure.
//
// The maximum is more than 0 and at least the recovery timeout. By default there is no back-off.
func WithBackoff(maximum time.Duration) Option {
	return func(c *config) {
		c.check(maximum > 0, "WithBackoff(%v): want more than 0", maximum)
		c.timing.backoff = maximum
	}
}

// WithJitter lengthens each recovery timeout by a random share of it between 0 and fraction, so that
// breakers that opened together do not probe together. It applies after the cap of [WithBackoff], and
// also to the time after which that option forgives a recovery. The fraction is 0 or more and finite,
// default 0.
func WithJitter(fraction float64) Option {
	return func(c *config) {
		c.check(0 <= fraction && fraction <= math.MaxFloat64,
			"WithJitter(%v): want 0 or more, and finite", fraction)
		c.timing.jitter = fraction
	}
}

// WithHalfOpenMaxCalls sets how many probes may be in flight at once while half-open: 1 to 255,
// default 1.
func WithHalfOpenMaxCalls(n int) Option {
	return func(c *config) {
		c.check(1 <= n && n <= word.MaxCalls,
			"WithHalfOpenMaxCalls(%d): want 1..%d", n, word.MaxCalls)
		c.halfOpenMaxCalls = n
	}
}

// WithSuccessThreshold sets how many probes must succeed in one half-open period to close the
// breaker: 1 to 255, default 1. It may exceed [WithHalfOpenMaxCalls], because each report frees a
// place for another probe.
func WithSuccessThreshold(n int) Option {
	return func(c *config) {
		c.check(1 <= n && n <= word.MaxSuccesses,
			"WithSuccessThreshold(%d): want 1..%d", n, word.MaxSuccesses)
		c.successThreshold = n
	}
}

// WithProbeTimeout sets how long a half-open breaker waits for its probes: 0 or more, default 30 s. At
// 0 it waits forever. The breaker opens again if no probe has succeeded for that long while one is in
// flight. The time starts with an admission and is not restarted if that probe is canceled, so the
// probe after a canceled one may get less.
func WithProbeTimeout(d time.Duration) Option {
	return func(c *config) {
		c.check(d >= 0, "WithProbeTimeout(%v): want 0 or more", d)
		c.timing.probe = d
	}
}

// WithClassifier sets what an error says about the sink, for [Permit.Report], [Breaker.Do] and
// [Call]. They call f on the reporting goroutine, and never with nil, which is a success. By default
// an error that matches [context.Canceled] is Ignore, and any other is Failure.
func WithClassifier(f func(error) Outcome) Option {
	return func(c *config) {
		if c.check(f != nil, "WithClassifier(nil): want a function") {
			c.classify = f
		}
	}
}

// WithRetryAfter sets a function that reads from an error how long the sink asks callers to wait, as
// the Retry-After header of a 429 or 503 response does. [Permit.Report], [Breaker.Do] and [Call] call f
// with each non-nil error, on the reporting goroutine and before the classifier. If f returns true and
// a positive d, the report opens the breaker for d as [Breaker.TripFor] does, without a call of the
// classifier. A probe that fails this way counts as a failed recovery. A report from an earlier period
// can only extend an open period. [Permit.Fail] does not call f. By default no error names a time.
func WithRetryAfter(f func(error) (d time.Duration, ok bool)) Option {
	return func(c *config) {
		if c.check(f != nil, "WithRetryAfter(nil): want a function") {
			c.retryAfter = f
		}
	}
}

// WithSlowThreshold makes a call that succeeds after more than d count as a failure. The call's result
// does not change. The option applies to [Breaker.Do], [Call] and the adapters, which then read the
// clock twice a call. If such a call makes a transition, [Transition.Err] matches [ErrSlow].
//
// The threshold is more than 0. By default no call is too slow.
func WithSlowThreshold(d time.Duration) Option {
	return func(c *config) {
		c.check(d > 0, "WithSlowThreshold(%v): want more than 0", d)
		c.timing.slow = d
	}
}

// WithDryRun makes a breaker that rejects no call, to try a configuration on a live service. The state
// machine runs and publishes its transitions as usual. A call that would be rejected is admitted, with
// a spent permit whose report does not count. [Breaker.Allow] gives no permit, so on a half-open
// breaker the reports of such calls can count as a probe's.
func WithDryRun() Option {
	return func(c *config) { c.dryRun = true }
}

// WithOnTransition adds a function that is called with every transition exactly once, in the order
// of the generations and one at a time. It may be repeated: all functions are called, in the order
// of the options.
//
// f runs before the call that made the transition returns, on the same goroutine, which may be a
// timer's. If another goroutine is delivering at that moment, f runs on that one instead, and the
// call returns without waiting for it. f runs under no lock and may call any method of the breaker;
// transitions that it makes are delivered after it returns.
//
// The goroutine that delivers continues until nothing is left to deliver. If transitions arrive faster
// than f returns, its caller waits without bound: use [WithAsyncOnTransition] for such a function.
//
// f must not log through the guarded logger: the handlers of log/slog and log hold a mutex while
// they write, so f would wait for itself. Use [WithAsyncOnTransition] for that as well.
//
// A panic in f is recovered and printed with its stack to os.Stderr; see [WithOnHookPanic]. If f
// calls [runtime.Goexit], a new goroutine delivers the rest. The call that ends this way has taken
// effect, except that an admission is given back, as by [Permit.Cancel].
func WithOnTransition(f func(Transition)) Option {
	return func(c *config) {
		if c.check(f != nil, "WithOnTransition(nil): want a function") {
			c.hooks = append(c.hooks, f)
		}
	}
}

// WithAsyncOnTransition adds a function that is called as one of [WithOnTransition], but on a
// goroutine of its own, which ends when nothing is left to deliver. f may block, and may log
// through the guarded logger. No call of the breaker waits for it, so if transitions arrive faster
// than f returns, their queue grows without bound.
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
// [WithOnTransition], [WithAsyncOnTransition] or [Breaker.Subscribe], with the transition that the
// hook was called with and the value of the panic. Default: print both and the stack to os.Stderr.
//
// A hook's panic never reaches the caller of the breaker or ends the program, and later hooks and
// transitions are delivered. f runs on the goroutine of the hook, under the hook's constraints; a
// stack that it takes with [runtime/debug.Stack] includes the panic's. If f panics itself, both
// panics are printed. If the option is repeated, the last one wins.
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

// newParams translates the counts for package word. Consecutive failures are the special case in
// which one success clears the count.
func (c *config) newParams() word.Params {
	threshold := cmp.Or(c.failureThreshold, defaultThreshold)
	w := weights{failure: 1, success: word.MaxFailures}
	if rate := c.failureRate; rate > 0 {
		threshold = c.thresholdUnderRate()
		limit := word.MaxFailures / max(1, threshold)
		w = nearest(rate, min(rate, 1-rate)*closeEnough, limit)
	}
	return word.Params{
		FailureLimit:     uint32(threshold * w.failure),
		FailureWeight:    uint32(w.failure),
		SuccessWeight:    uint32(w.success),
		MaxCalls:         uint32(c.halfOpenMaxCalls),
		SuccessThreshold: uint32(c.successThreshold),
		DueAtOnce:        c.timing.recovery == 0,
	}
}

const (
	defaultThreshold = 5 // of consecutive failures

	// With a rate. A threshold below the second makes false alarms frequent, so it is no default.
	defaultRateThreshold, leastRateThreshold = 100, 20

	// The share of the weights differs from the rate by at most the first, and by at most the second
	// times the rate.
	rateTolerance, relativeRateTolerance = 0.01, 0.1

	// Weights within this part of the rate, or of 1 − rate, are not improved further.
	closeEnough = 0.001
)

// thresholdUnderRate returns the failure threshold, or its default, and checks that it fits the
// count.
func (c *config) thresholdUnderRate() int {
	highest, off := 0, min(rateTolerance, c.failureRate*relativeRateTolerance)
	w := nearest(c.failureRate, off, word.MaxFailures)
	if math.Abs(w.share()-c.failureRate) <= off {
		highest = word.MaxFailures / w.failure
	}
	if c.failureThreshold > 0 {
		c.check(c.failureThreshold <= highest,
			"WithFailureThreshold(%d) with WithFailureRate(%v): "+
				"the threshold in units of weight exceeds %d: the highest for this rate is %d",
			c.failureThreshold, c.failureRate, word.MaxFailures, highest)
		return c.failureThreshold
	}
	c.check(highest >= leastRateThreshold, "WithFailureRate(%v) without WithFailureThreshold: "+
		"the highest threshold for this rate is %d, and the default is no less than %d",
		c.failureRate, highest, leastRateThreshold)
	return min(defaultRateThreshold, highest)
}

// weights is what a failure adds to the count and what a success takes away. The count stands still
// when success/(failure+success) of the calls fail.
type weights struct{ failure, success int }

func (w weights) share() float64 { return float64(w.success) / float64(w.failure+w.success) }

// nearest returns the smallest weights whose share is within off of rate or, if none of up to limit
// for a failure are, the nearest of those.
//
// It descends the Stern-Brocot tree of all reduced fractions. The fractions between two neighbors
// low and high are all made of mid, their sum by parts, so the first one close enough is also the
// smallest, and if mid is too large, no fraction between them fits.
func nearest(rate, off float64, limit int) weights {
	low, high := weights{1, 0}, weights{0, 1}
	// Skip the long first runs, one of which is there for rates near 0 and the other for rates near 1.
	if above := rate + off; above < 0.5 {
		high = weights{int(min(math.Floor(1/above-1), float64(limit))) - 1, 1}
	} else if below := rate - off; below > 0.5 {
		low = weights{1, int(min(math.Floor(below/(1-below)), word.MaxFailures)) - 1}
	}
	for {
		mid := weights{low.failure + high.failure, low.success + high.success}
		switch share := mid.share(); {
		case mid.failure > limit || mid.success > word.MaxFailures:
			if high.failure == 0 || low.success > 0 && rate-low.share() < high.share()-rate {
				return low
			}
			return high
		case math.Abs(share-rate) <= off:
			return mid
		case share < rate:
			low = mid
		default:
			high = mid
		}
	}
}

// check records an error for New if an option is bad. It returns good.
func (c *config) check(good bool, format string, args ...any) bool {
	if !good {
		c.errs = append(c.errs, badOption(format, args...))
	}
	return good
}
