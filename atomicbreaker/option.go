// SPDX-License-Identifier: Apache-2.0

package atomicbreaker

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// Option sets one thing of a breaker; [New] checks it. Of an option given twice the last counts, but the hooks are all
// called.
type Option func(*config)

// config collects the options, and what is wrong with them.
type config struct {
	failureThreshold, halfOpenMaxCalls, successThreshold int
	failureRate                                          float64 // 0: consecutive failures

	timing            timing
	classify          func(error) Outcome
	hooks, asyncHooks []func(Transition)

	params word.Params // follows from the counts
	errs   []error
}

// WithFailureThreshold sets the number of failures that opens a closed breaker: consecutive ones, or under
// [WithFailureRate] the net excess. 1 to 65,535, default 5.
func WithFailureThreshold(n int) Option {
	return func(c *config) {
		c.check(1 <= n && n <= word.MaxFailures, "WithFailureThreshold(%d): want 1..%d", n, word.MaxFailures)
		c.failureThreshold = n
	}
}

// WithFailureRate makes the failure count leak instead of being cleared by a success: the breaker opens when failures
// exceed the share rate of the calls by a net excess of the failure threshold. That many failures in a row always open
// it. Between 0 and 1, both excluded; without it failures are counted consecutively.
//
// There is no window and no clock, so a slow outage is never forgotten. The rate is kept within one percentage point,
// closer where the threshold leaves room: a failure is counted in up to (1−rate)/rate units, and threshold times that
// must not exceed 65,535; New refuses the pair otherwise.
func WithFailureRate(rate float64) Option {
	return func(c *config) {
		if c.check(0 < rate && rate < 1, "WithFailureRate(%v): want more than 0 and less than 1", rate) {
			c.failureRate = rate
		}
	}
}

// WithRecoveryTimeout sets how long the breaker stays open before a probe may be admitted. 0 or more, default 30 s. At 0
// the next call is a probe at once, whatever back-off and jitter say.
func WithRecoveryTimeout(d time.Duration) Option {
	return func(c *config) {
		c.check(d >= 0, "WithRecoveryTimeout(%v): want 0 or more", d)
		c.timing.recovery = d
	}
}

// WithBackoff doubles the recovery timeout after each recovery that did not last (a failed or unanswered probe, or a
// closing after which the sink failed again within a recovery timeout), up to maximum. More than 0 and no less than the recovery
// timeout; default: no back-off.
func WithBackoff(maximum time.Duration) Option {
	return func(c *config) {
		c.check(maximum > 0, "WithBackoff(%v): want more than 0", maximum)
		c.timing.backoff = maximum
	}
}

// WithJitter lengthens each recovery timeout by a random share of it between 0 and fraction, after the back-off's cap,
// so that breakers that opened together do not probe together. 0 or more and finite; default 0: no jitter.
func WithJitter(fraction float64) Option {
	return func(c *config) {
		c.check(0 <= fraction && fraction <= math.MaxFloat64, "WithJitter(%v): want 0 or more, and finite", fraction)
		c.timing.jitter = fraction
	}
}

// WithHalfOpenMaxCalls sets how many probes may be in flight at once while half-open. 1 to 255, default 1.
func WithHalfOpenMaxCalls(n int) Option {
	return func(c *config) {
		c.check(1 <= n && n <= word.MaxCalls, "WithHalfOpenMaxCalls(%d): want 1..%d", n, word.MaxCalls)
		c.halfOpenMaxCalls = n
	}
}

// WithSuccessThreshold sets how many probes must succeed in one half-open period to close the breaker. 1 to 255,
// default 1. It may exceed the probes in flight at once, whose places are given back.
func WithSuccessThreshold(n int) Option {
	return func(c *config) {
		c.check(1 <= n && n <= word.MaxSuccesses, "WithSuccessThreshold(%d): want 1..%d", n, word.MaxSuccesses)
		c.successThreshold = n
	}
}

// WithProbeTimeout sets how long a half-open breaker waits for its probes: if none succeeded since one was admitted that
// long ago, and one is still in flight, it opens again. So a probe that follows one that was given back may get less.
// 0 or more, default 30 s; at 0 it waits for ever.
func WithProbeTimeout(d time.Duration) Option {
	return func(c *config) {
		c.check(d >= 0, "WithProbeTimeout(%v): want 0 or more", d)
		c.timing.probe = d
	}
}

// WithClassifier sets what an error says about the sink, for [Permit.Report], [Breaker.Do] and [Call]. f is called on
// the reporting goroutine and never with nil, which is a success. Default: an error that is [context.Canceled] is
// Ignore, any other is Failure.
func WithClassifier(f func(error) Outcome) Option {
	return func(c *config) {
		if c.check(f != nil, "WithClassifier(nil): want a function") {
			c.classify = f
		}
	}
}

// WithOnTransition adds a function that is called with every transition, exactly once, in the order of the generations
// and one at a time. May be given more than once: all are called, in the order given.
//
// f runs on the goroutine that made the transition, before its call returns; or, if another delivery is under way, on
// the goroutine of that one. It holds no lock, may call any method of the breaker (what that causes is delivered after
// f returns) and delays nobody but that goroutine and the deliveries behind it. A panic in f, or a [runtime.Goexit],
// goes on in that goroutine once the transitions that wait behind it have been delivered. It may be one that made
// another transition, or a timer's, where a panic ends the program. The call that is unwound has taken effect: if it was
// an admission, it is like one that is never reported.
//
// f must not write to the guarded logger: the handlers of log/slog and log hold a mutex while they write, and f would
// wait for itself. [WithAsyncOnTransition] is for that.
func WithOnTransition(f func(Transition)) Option {
	return func(c *config) {
		if c.check(f != nil, "WithOnTransition(nil): want a function") {
			c.hooks = append(c.hooks, f)
		}
	}
}

// WithAsyncOnTransition adds a function that is called as by [WithOnTransition], but on a goroutine of its own, which
// ends when nothing is left to deliver. It may block, and log through the guarded logger. A panic in f ends the program.
func WithAsyncOnTransition(f func(Transition)) Option {
	return func(c *config) {
		if c.check(f != nil, "WithAsyncOnTransition(nil): want a function") {
			c.asyncHooks = append(c.asyncHooks, f)
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
		failureThreshold: 5,
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
	if len(c.errs) == 0 { // the weights of a bad threshold mean nothing
		c.params = c.newParams()
	}
	return c, errors.Join(c.errs...)
}

// newParams translates the counts for the machine.
func (c *config) newParams() word.Params {
	failure, success := weights(c.failureRate, word.MaxFailures/c.failureThreshold)
	c.check(failure > 0, "WithFailureThreshold(%d) with WithFailureRate(%v): the threshold times the weight of a failure, "+
		"about %.3g, exceeds %d: want a lower threshold or a higher rate",
		c.failureThreshold, c.failureRate, 1/max(c.failureRate, rateTolerance)-1, word.MaxFailures)
	return word.Params{
		FailureLimit:     uint32(c.failureThreshold * failure),
		FailureWeight:    uint32(failure),
		SuccessWeight:    uint32(success),
		MaxCalls:         uint32(c.halfOpenMaxCalls),
		SuccessThreshold: uint32(c.successThreshold),
		DueAtOnce:        c.timing.recovery == 0,
	}
}

const (
	rateTolerance = 0.01 // how far the share that is counted may be from the rate that was asked for
	maxWeight     = 1000 // no finer than a tenth of a percentage point
)

// weights returns what a failure adds to the count and what a success takes away, for the count to stand still when the
// share rate of the calls fails: success/(failure+success) is as near to rate as weights up to limit allow. Counting
// consecutive failures, rate 0, is the case where one success clears everything. It returns 0 if no pair is near enough.
func weights(rate float64, limit int) (failure, success int) {
	if rate == 0 {
		return 1, word.MaxFailures
	}
	best := rateTolerance
	for f := 1; f <= min(limit, maxWeight); f++ {
		s := int(math.Round(min(max(1, float64(f)*rate/(1-rate)), word.MaxFailures)))
		off := math.Abs(float64(s)/float64(f+s) - rate)
		if off < best-1e-9 { // of equally good pairs the smallest
			failure, success, best = f, s, off
		}
	}
	return failure, success
}

// check keeps an error for New if an option is not good, and says whether it is.
func (c *config) check(good bool, format string, args ...any) bool {
	if !good {
		c.errs = append(c.errs, badOption(format, args...))
	}
	return good
}
