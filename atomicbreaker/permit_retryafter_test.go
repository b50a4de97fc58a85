// SPDX-License-Identifier: Apache-2.0

package atomicbreaker_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/internal/word"
)

// tooMany is a 429 response with a Retry-After.
type tooMany struct{ wait time.Duration }

func (e *tooMany) Error() string { return fmt.Sprintf("429, retry after %v", e.wait) }

func waitOf(err error) (time.Duration, bool) {
	var e *tooMany
	if errors.As(err, &e) {
		return e.wait, true
	}
	return 0, false
}

// limited returns a breaker that reads tooMany, with that many calls in flight.
func limited(t *testing.T, calls int, opts ...atomicbreaker.Option) (*atomicbreaker.Breaker, *ledger, []atomicbreaker.Permit) {
	t.Helper()
	b, l := kept(t, append(opts, atomicbreaker.WithRetryAfter(waitOf))...)
	permits := make([]atomicbreaker.Permit, calls)
	for i := range permits {
		permits[i] = acquired(t, b)
	}
	return b, l, permits
}

// The sink answers all calls in flight with the same time to wait, the last one a second after the
// first.
func TestRetryAfter_ManyAnswersAreOneTransition(t *testing.T) {
	const calls = 101
	for name, d := range map[string]time.Duration{"a long time": 120 * time.Second, "a short one": 5 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l, permits := limited(t, calls+1)
				slack := min(time.Second, d/10)
				for i := range calls {
					if i > 0 {
						pass(slack / (calls - 1))
					}
					permits[i].Report(&tooMany{d})
				}
				require.Len(t, l.all(), 1)
				require.Equal(t, d, b.RetryAfter(), "the wait was lengthened")
				pass(1)
				permits[calls].Report(&tooMany{d}) // this one asks for a longer wait
				require.Len(t, l.all(), 2)
				require.Equal(t, d+slack, b.RetryAfter())
			})
		})
	}
}

// Virtual time stands still while they race.
func TestRetryAfter_AnswersAtOnceAreOneTransition(t *testing.T) {
	const calls, d = 100, 120 * time.Second
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			b, l, permits := limited(t, calls, atomicbreaker.WithRecoveryTimeout(time.Second))
			together(calls, func(i int) { permits[i].Report(&tooMany{d}) })
			require.Len(t, l.all(), 1)
			require.Equal(t, d+time.Second, b.RetryAfter())
			pass(d + time.Second - 1)
			require.False(t, b.Allow())
			pass(1)
			require.True(t, b.Allow())
		})
	}
}

// When the answers differ, the breaker waits for the longest time, whichever comes first.
func TestRetryAfter_AnswersThatDifferLeaveTheLongest(t *testing.T) {
	const calls, longest = 100, 100 * time.Minute
	for range 100 {
		synctest.Test(t, func(t *testing.T) {
			b, l, permits := limited(t, calls, atomicbreaker.WithFailureThreshold(1))
			together(calls, func(i int) {
				if i%10 == 0 {
					permits[i].Report(errDown) // may open the breaker before the others do
				} else {
					permits[i].Report(&tooMany{time.Duration(i+1) * time.Minute})
				}
			})
			require.LessOrEqual(t, len(l.all()), calls)
			require.Equal(t, longest+time.Second, b.RetryAfter())
		})
	}
}

func TestRetryAfter_AShorterAnswerDoesNotShorten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, permits := limited(t, 2)
		permits[0].Report(&tooMany{120 * time.Second})
		permits[1].Report(&tooMany{time.Second})
		require.Equal(t, 121*time.Second, b.RetryAfter())
		require.Len(t, l.all(), 1)
		require.Equal(t, atomicbreaker.CauseTripped, l.last().Cause)
	})
}

// A single answer opens the breaker, whatever the threshold. It is not counted as a failure.
func TestRetryAfter_OpensThroughEveryReport(t *testing.T) {
	want := &tooMany{time.Minute}
	for name, report := range map[string]func(*atomicbreaker.Breaker) error{
		"Do": func(b *atomicbreaker.Breaker) error { return b.Do(func() error { return want }) },
		"Call": func(b *atomicbreaker.Breaker) error {
			_, err := atomicbreaker.Call(b, func() (int, error) { return 0, want })
			return err
		},
		"Report": func(b *atomicbreaker.Breaker) error {
			p, _ := b.TryAcquire()
			p.Report(want)
			return want
		},
		"FailFor": func(b *atomicbreaker.Breaker) error {
			p, _ := b.TryAcquire()
			p.FailFor(want.wait, want)
			p.FailFor(2*want.wait, want)
			return want
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, l, _ := limited(t, 0, atomicbreaker.WithJitter(3), atomicbreaker.WithBackoff(time.Hour))
				require.Same(t, want, report(b), "unchanged")
				require.Equal(t, []atomicbreaker.Transition{{
					Name: "sink", From: atomicbreaker.Closed, To: atomicbreaker.Open, Generation: 1,
					Cause: atomicbreaker.CauseTripped, Err: want,
				}}, undated(l.all()...))
				require.Equal(t, time.Now(), l.last().At)
				require.Equal(t, 61*time.Second, b.RetryAfter(), "back-off or jitter applied")
			})
		})
	}
}

// A probe that is answered with a time to wait is a recovery that did not last: one event, one
// attempt.
func TestRetryAfter_OfAProbeCountsAsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l, _ := limited(t, 0, atomicbreaker.WithBackoff(time.Hour), atomicbreaker.WithHalfOpenMaxCalls(2))
		b.Start(word.Pack(word.Fields{Phase: word.Due, Generation: 6, Attempt: 2, Failures: 5}))
		answered, other := acquired(t, b), acquired(t, b)
		answered.Report(&tooMany{time.Minute})
		require.Equal(t, word.Pack(word.Fields{Phase: word.Cooling, Generation: 8, Attempt: 3, Failures: 5}), b.Word())
		require.Len(t, l.all(), 2)
		require.Equal(t, atomicbreaker.HalfOpen, l.last().From)
		require.Equal(t, atomicbreaker.CauseTripped, l.last().Cause)
		require.Equal(t, 3, l.last().Attempt)
		require.Equal(t, 61*time.Second, b.RetryAfter())

		other.Report(&tooMany{time.Hour}) // late by now: lengthens the open period and counts no attempt
		require.Equal(t, word.Pack(word.Fields{Phase: word.Cooling, Generation: 9, Attempt: 3, Failures: 5}), b.Word())
		require.Equal(t, time.Hour+time.Second, b.RetryAfter())
	})
}

// A report of an earlier period can lengthen an open period. In any other state it changes nothing
// (I3).
func TestRetryAfter_OfAnEarlierPeriod(t *testing.T) {
	for phase := word.Closed; phase <= word.Cooling; phase++ {
		synctest.Test(t, func(t *testing.T) {
			b, l, _ := limited(t, 0)
			calls := uint32(0)
			if phase == word.HalfOpen {
				calls = 1
			}
			before := word.Pack(word.Fields{Phase: phase, Generation: 9, Attempt: 3, Failures: 4, Calls: calls})
			b.Start(before)
			p := b.PermitOf(8)
			err := &tooMany{time.Minute}
			p.Report(err)
			require.Zero(t, p.Generation(), "spent")
			if phase != word.Cooling && phase != word.Due {
				require.Equal(t, before, b.Word(), "phase %d", phase)
				require.Empty(t, l.all())
				return
			}
			require.Equal(t, word.Pack(word.Fields{Phase: word.Cooling, Generation: 10, Attempt: 3, Failures: 4}), b.Word(), "phase %d", phase)
			require.Equal(t, []atomicbreaker.Transition{{
				Name: "sink", From: atomicbreaker.Open, To: atomicbreaker.Open, Generation: 10,
				Cause: atomicbreaker.CauseTripped, Failures: 4, Attempt: 3, Err: err,
			}}, undated(l.all()...))
			require.Equal(t, 61*time.Second, b.RetryAfter())

			p = b.PermitOf(8)
			p.Report(&tooMany{time.Second})
			require.Len(t, l.all(), 1, "the open period was shortened")
		})
	}
}

// RetryAfter comes before the classifier. The test lists the errors that each is called with.
func TestRetryAfter_IsAskedBeforeTheClassifier(t *testing.T) {
	var says time.Duration
	var ok bool
	var asked, classified []error
	newBreaker := func() *atomicbreaker.Breaker {
		says, ok, asked, classified = 0, false, nil, nil
		return atomicbreaker.MustNew("sink",
			atomicbreaker.WithRetryAfter(func(err error) (time.Duration, bool) {
				require.Empty(t, classified)
				asked = append(asked, err)
				return says, ok
			}),
			atomicbreaker.WithClassifier(func(err error) atomicbreaker.Outcome {
				classified = append(classified, err)
				return atomicbreaker.Failure
			}))
	}
	t.Run("an error with a time is not classified", func(t *testing.T) {
		b := newBreaker()
		says, ok = 1, true
		_ = b.Do(down)
		require.Equal(t, []error{errDown}, asked)
		require.Empty(t, classified)
		require.Equal(t, atomicbreaker.Open, b.State())
	})
	for name, no := range map[string]struct {
		says time.Duration
		ok   bool
	}{"no": {time.Hour, false}, "a time of 0": {0, true}, "a time below 0": {-1, true}} {
		t.Run(name+" leaves it to the classifier", func(t *testing.T) {
			b := newBreaker()
			says, ok = no.says, no.ok
			_ = b.Do(down)
			require.Equal(t, []error{errDown}, asked)
			require.Equal(t, []error{errDown}, classified)
			require.Equal(t, atomicbreaker.Snapshot{Failures: 1}, b.Snapshot())
		})
	}
	t.Run("not called for a success, a spent permit, or Fail", func(t *testing.T) {
		b := newBreaker()
		says, ok = time.Hour, true
		_ = b.Do(up)
		p := acquired(t, b)
		p.Report(nil)
		p.Report(errDown)
		p = acquired(t, b)
		p.Fail(errDown)
		require.Empty(t, asked)
		require.Equal(t, atomicbreaker.Snapshot{Failures: 1}, b.Snapshot())
	})
	t.Run("a panic settles nothing", func(t *testing.T) {
		b := atomicbreaker.MustNew("sink",
			atomicbreaker.WithRetryAfter(func(error) (time.Duration, bool) { panic("retry after") }))
		p := acquired(t, b)
		require.PanicsWithValue(t, "retry after", func() { p.Report(errDown) })
		require.Zero(t, b.Snapshot())
		p.Failure()
		require.Equal(t, atomicbreaker.Snapshot{Failures: 1}, b.Snapshot())
	})
}

// Without a time to wait, FailFor counts one failure. On a spent permit it does nothing.
func TestRetryAfter_FailForWithoutATime(t *testing.T) {
	for _, d := range []time.Duration{0, -1, -time.Hour} {
		b, l, permits := limited(t, 3, atomicbreaker.WithFailureThreshold(2))
		permits[0].FailFor(d, errDown)
		permits[0].FailFor(d, errDown)
		permits[0].FailFor(time.Minute, errDown)
		require.Empty(t, l.all(), "%v", d)
		permits[1].FailFor(d, errDown)
		require.Equal(t, atomicbreaker.CauseFailureThreshold, l.last().Cause, "%v", d)
		require.Equal(t, errDown, l.last().Err)
		require.Equal(t, atomicbreaker.Open, b.State())
	}
}
