// SPDX-License-Identifier: Apache-2.0

package history

import (
	"math"
	"time"

	"github.com/sinkguard/go-atomicbreaker/internal/model"
)

// Whether TripFor, or a report with a time to wait, extends a cooling breaker depends on when the
// open period ends. A history has no clock and the searched state no deadline, so the judge accepts
// both results: no change, and a new open period. Either must fit the rest of the history and the
// transitions that the hook received. The call that opened the breaker makes no second transition.
//
// The judge therefore accepts a breaker that shortens an open period, and one that extends a period
// that is long enough. Sequential tests compare the breaker with the model's deadlines, which are
// exact there.

// anyWait is a time to wait. The model's deadlines are set so that any value above 0 has the same
// effect.
const anyWait = time.Hour

// models returns the breakers that s can stand for when o takes effect: one, or two where a
// deadline decides what o does. The first of two cools longer than any wait.
func (h *History) models(s state, o *Operation) []*model.Model {
	if s.breaker.Phase == model.Cooling && o.extends() {
		return []*model.Model{model.AtCooling(h.Config, s.breaker, math.MaxInt64), model.At(h.Config, s.breaker)}
	}
	return []*model.Model{model.At(h.Config, s.breaker)}
}

// extends reports whether o starts a new period of an open breaker that would be due too early.
func (o *Operation) extends() bool {
	switch o.Kind {
	case TripFor, FailureRetryAfter, DoFailureRetryAfter:
		return !o.Spent
	default:
		return false
	}
}

// retryLater returns the model's report of a failure with a time to wait.
func retryLater(m *model.Model) func(generation uint32) {
	return func(generation uint32) { m.FailureRetryAfter(generation, anyWait) }
}
