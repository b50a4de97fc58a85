// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
)

const push = "http://user:secret@loki.test/push?token=secret#secret"

// Every status of three digits, with a breaker on which one failure and one Retry-After differ.
func TestTransport_Statuses(t *testing.T) {
	failures := []int{401, 403, 407, 408, 429}
	for status := 200; status < 1000; status++ {
		b, j := newBreaker()
		tr := breakerhttp.NewTransport(b, answer(status, "why"))
		resp, err := tr.RoundTrip(newRequest(t, push, strings.NewReader("x")))
		require.NoError(t, err, status)
		require.Equal(t, status, resp.StatusCode)
		require.Equal(t, "why", readAll(t, resp))
		if !slices.Contains(failures, status) && status < 500 {
			require.Equal(t, atomicbreaker.Closed, b.State(), status)
			require.Empty(t, *j, status)
			continue
		}
		require.Equal(t, atomicbreaker.CauseFailureThreshold, j.last().Cause, status)
		require.Equal(t, &breakerhttp.StatusError{Status: status, URL: "http://loki.test/push"}, j.last().Err)
		require.NotContains(t, j.last().Err.Error(), "secret")
	}
}

// A Retry-After opens the breaker at once, whatever its threshold. It counts only with 429 and 503.
func TestTransport_RetryAfter(t *testing.T) {
	for status := 200; status < 600; status++ {
		b, j := newBreaker(atomicbreaker.WithFailureThreshold(2))
		tr := breakerhttp.NewTransport(b, answer(status, "", "Retry-After", "70"))
		resp, err := tr.RoundTrip(newRequest(t, push, nil))
		require.NoError(t, err)
		require.Equal(t, status, resp.StatusCode)
		if status != 429 && status != 503 {
			require.Empty(t, *j, status)
			continue
		}
		require.Equal(t, atomicbreaker.CauseTripped, j.last().Cause, status)
		require.Equal(t, &breakerhttp.StatusError{
			Status: status, RetryAfter: 70 * time.Second, URL: "http://loki.test/push",
		}, j.last().Err)
		d, ok := breakerhttp.RetryAfter(fmt.Errorf("wrapped: %w", j.last().Err))
		require.True(t, ok)
		require.Equal(t, 70*time.Second, d)
	}
}

// A real server asks to wait in each form of Retry-After, and both parts understand it.
func TestTransport_RetryAfterOfAServer(t *testing.T) {
	for _, value := range []string{
		"90", "Thu, 26 Nov 2026 12:01:30 GMT", "Thursday, 26-Nov-26 12:01:30 GMT", "Thu Nov 26 12:01:30 2026",
	} {
		s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", "Thu, 26 Nov 2026 12:00:00 GMT")
			w.Header().Set("Retry-After", value)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		b, j := newBreaker()
		resp, err := (&http.Client{Transport: breakerhttp.NewTransport(b, nil)}).Do(newRequest(t, s.URL, nil))
		require.NoError(t, err)
		readAll(t, resp)
		_, err = breakerhttp.NewSink(nil, s.URL).Write([]byte("a\n"))
		for _, err := range []error{j.last().Err, err} {
			d, ok := breakerhttp.RetryAfter(err)
			require.True(t, ok)
			require.Equal(t, 90*time.Second, d)
		}
	}
}

func TestTransport_RetryAfterIsLimited(t *testing.T) {
	for limit, opts := range map[time.Duration][]breakerhttp.TransportOption{
		5 * time.Minute: nil, time.Hour: {breakerhttp.WithMaxRetryAfter(time.Hour)}, 1: {breakerhttp.WithMaxRetryAfter(1)},
	} {
		b, j := newBreaker()
		tr := breakerhttp.NewTransport(b, answer(429, "", "Retry-After", "31536000"), opts...)
		_, err := tr.RoundTrip(newRequest(t, push, nil))
		require.NoError(t, err)
		d, _ := breakerhttp.RetryAfter(j.last().Err)
		require.Equal(t, limit, d)
	}
}

func TestTransport_WithOutcome(t *testing.T) {
	for outcome, want := range map[atomicbreaker.Outcome]atomicbreaker.Cause{
		atomicbreaker.Success: atomicbreaker.CauseProbeSucceeded, atomicbreaker.Failure: atomicbreaker.CauseProbeFailed,
		atomicbreaker.Ignore: atomicbreaker.CauseProbeAdmitted,
	} {
		b, j := newBreaker(atomicbreaker.WithRecoveryTimeout(0))
		b.Trip()
		tr := breakerhttp.NewTransport(b, answer(429, ""), breakerhttp.WithOutcome(func(status int) atomicbreaker.Outcome {
			assert.Equal(t, 429, status)
			return outcome
		}))
		_, err := tr.RoundTrip(newRequest(t, push, nil))
		require.NoError(t, err)
		require.Equal(t, want, j.last().Cause)
		require.True(t, admits(b), "a permit was not settled")
	}
}

// The server is not reached, the body is closed once, and the error names the state.
func TestTransport_TurnedAway(t *testing.T) {
	base := baseFunc(func(*http.Request) (*http.Response, error) { panic("reached") })
	for state, is := range map[atomicbreaker.State]error{
		atomicbreaker.Open: atomicbreaker.ErrOpen, atomicbreaker.ForcedOpen: atomicbreaker.ErrOpen,
		atomicbreaker.HalfOpen: atomicbreaker.ErrTooManyProbes,
	} {
		b, _ := newBreaker()
		tr := breakerhttp.NewTransport(b, base)
		switch state {
		case atomicbreaker.ForcedOpen:
			b.ForceOpen()
		case atomicbreaker.Open:
			b.Trip()
		default:
			b, _ = newBreaker(atomicbreaker.WithRecoveryTimeout(0))
			tr = breakerhttp.NewTransport(b, base)
			b.Trip()
			_, ok := b.TryAcquire()
			require.True(t, ok)
		}
		body := &closing{Reader: strings.NewReader("x")}
		req := newRequest(t, push, body)
		resp, err := tr.RoundTrip(req)
		require.Nil(t, resp)
		require.ErrorIs(t, err, atomicbreaker.ErrRejected)
		require.ErrorIs(t, err, is)
		require.EqualError(t, err, fmt.Sprintf(`breakerhttp: "loki": rejected, breaker is %v`, state))
		require.EqualValues(t, 1, body.closed.Load())

		_, err = tr.RoundTrip(newRequest(t, push, nil))
		require.ErrorIs(t, err, is)
		_, err = (&http.Client{Transport: tr}).Do(newRequest(t, push, strings.NewReader("x")))
		require.ErrorIs(t, err, is)
	}
}

func TestTransport_ErrorOfTheBase(t *testing.T) {
	b, j := newBreaker()
	refused := serve(t, nil)
	refused.Close()
	resp, err := breakerhttp.NewTransport(b, nil).RoundTrip(newRequest(t, refused.URL, strings.NewReader("x")))
	require.Nil(t, resp)
	require.Error(t, err)
	require.Equal(t, err, j.last().Err)
	require.Equal(t, atomicbreaker.CauseFailureThreshold, j.last().Cause)
}

// The breaker's own classifier decides about errors of the base.
func TestTransport_Classifier(t *testing.T) {
	b, j := newBreaker(atomicbreaker.WithClassifier(func(error) atomicbreaker.Outcome { return atomicbreaker.Ignore }))
	tr := breakerhttp.NewTransport(b, baseFunc(func(*http.Request) (*http.Response, error) { return nil, errDown }))
	_, err := tr.RoundTrip(newRequest(t, push, nil))
	require.ErrorIs(t, err, errDown)
	require.Empty(t, *j)
}

// A base that breaks the rules of a RoundTripper: the caller never gets a response and an error, nor
// neither of the two.
func TestTransport_BaseBreaksTheRules(t *testing.T) {
	body := &closing{Reader: strings.NewReader("x")}
	for name, base := range map[string]baseFunc{
		"both": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: body}, errDown
		},
		"no body": func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 200}, errDown },
		"neither": func(*http.Request) (*http.Response, error) { return nil, nil },
	} {
		t.Run(name, func(t *testing.T) {
			b, j := newBreaker()
			resp, err := breakerhttp.NewTransport(b, base).RoundTrip(newRequest(t, push, nil))
			require.Nil(t, resp)
			require.Error(t, err)
			require.Equal(t, err, j.last().Err)
		})
	}
	require.EqualValues(t, 1, body.closed.Load())
}

// A base that panics or ends the goroutine fails, and leaves no permit behind.
func TestTransport_BasePanics(t *testing.T) {
	b, j := newBreaker(atomicbreaker.WithRecoveryTimeout(0))
	b.Trip()
	tr := breakerhttp.NewTransport(b, baseFunc(func(*http.Request) (*http.Response, error) { panic(errDown) }))
	req := newRequest(t, push, nil)
	require.PanicsWithError(t, "down", func() { _, _ = tr.RoundTrip(req) })
	require.Equal(t, atomicbreaker.CauseProbeFailed, j.last().Cause)
	require.True(t, admits(b))
}

// The request that the base gets is the caller's.
func TestTransport_RequestUntouched(t *testing.T) {
	b, _ := newBreaker()
	req := newRequest(t, push, strings.NewReader("x"))
	body, getBody := req.Body, false
	req.GetBody = func() (io.ReadCloser, error) { getBody = true; return nil, errDown }
	_, err := breakerhttp.NewTransport(b, baseFunc(func(r *http.Request) (*http.Response, error) {
		require.Same(t, req, r)
		require.Equal(t, body, r.Body)
		return answer(200, "")(r)
	})).RoundTrip(req)
	require.NoError(t, err)
	require.False(t, getBody)
}

// A rejected request costs no memory.
func TestTransport_RejectionAllocatesNothing(t *testing.T) {
	b, _ := newBreaker()
	b.Trip()
	tr := breakerhttp.NewTransport(b, answer(200, ""))
	req := newRequest(t, push, nil)
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = tr.RoundTrip(req) }))
}

func TestNewTransport_Panics(t *testing.T) {
	b, _ := newBreaker()
	other := atomicbreaker.MustNew("other")
	same := breakerhttp.NewTransport(other, breakerhttp.NewTransport(b, answer(200, "")))
	for text, f := range map[string]func(){
		"breakerhttp: NewTransport needs a breaker":                      func() { breakerhttp.NewTransport(nil, nil) },
		`breakerhttp: NewTransport: base already has the breaker "loki"`: func() { breakerhttp.NewTransport(b, same) },
		"breakerhttp: NewTransport: WithMaxRetryAfter(0s): want more than 0": func() {
			breakerhttp.NewTransport(b, nil, breakerhttp.WithMaxRetryAfter(0))
		},
	} {
		require.PanicsWithValue(t, text, f)
	}
	require.True(t, same.GuardedBy(b) && same.GuardedBy(other))
	require.False(t, same.GuardedBy(atomicbreaker.MustNew("loki")))
	require.NotPanics(t, func() { breakerhttp.NewTransport(atomicbreaker.MustNew("third"), same, breakerhttp.WithOutcome(nil)) })
}
