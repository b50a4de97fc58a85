// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
)

// A request that the caller cancels does not count, whatever error the base makes of it.
func TestTransport_Canceled(t *testing.T) {
	for name, cancel := range map[string]func(context.Context) (context.Context, func()){
		"canceled": func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) },
		"with a cause": func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(errDown) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, j := newBreaker(atomicbreaker.WithRecoveryTimeout(0))
			b.Trip()
			arrived := make(chan struct{})
			s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
				close(arrived)
				<-r.Context().Done()
			})
			ctx, cancel := cancel(t.Context())
			go func() { <-arrived; cancel() }()
			resp, err := breakerhttp.NewTransport(b, nil).RoundTrip(newRequest(t, s.URL, nil).WithContext(ctx))
			require.Nil(t, resp)
			require.ErrorIs(t, err, context.Cause(ctx))
			require.Equal(t, atomicbreaker.CauseProbeAdmitted, j.last().Cause)
			require.True(t, admits(b))
		})
	}
}

// A context that has ended before says nothing about the server, and takes no probe's place.
func TestTransport_EndedBefore(t *testing.T) {
	for name, ctx := range map[string]func() (context.Context, func()){
		"canceled": func() (context.Context, func()) { return context.WithCancel(t.Context()) },
		"deadline": func() (context.Context, func()) { return context.WithTimeout(t.Context(), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := ctx()
			cancel()
			b, j := newBreaker(atomicbreaker.WithRecoveryTimeout(0))
			b.Trip()
			body := &closing{Reader: strings.NewReader("x")}
			tr := breakerhttp.NewTransport(b, baseFunc(func(*http.Request) (*http.Response, error) { panic("reached") }))
			_, err := tr.RoundTrip(newRequest(t, push, body).WithContext(ctx))
			require.ErrorIs(t, err, ctx.Err())
			require.Len(t, *j, 1, "only Trip")
			require.EqualValues(t, 1, body.closed.Load())
		})
	}
}

// A deadline is what ends a request to a server that hangs, so it is a failure: that of the request's
// context, and that of the client.
func TestTransport_Deadline(t *testing.T) {
	s := serve(t, hang(t, nil))
	for name, timeout := range map[string]struct{ context, client time.Duration }{
		"of the context": {context: 50 * time.Millisecond}, "of the client": {client: 50 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			b, j := newBreaker()
			client := &http.Client{Transport: breakerhttp.NewTransport(b, nil), Timeout: timeout.client}
			// On a busy machine, the time may be over before the request is sent.
			for s.requests.Store(0); s.requests.Load() == 0 && len(*j) == 0; {
				req := newRequest(t, s.URL, strings.NewReader("x"))
				if timeout.context > 0 {
					ctx, cancel := context.WithTimeout(t.Context(), timeout.context)
					defer cancel()
					req = req.WithContext(ctx)
				}
				_, err := client.Do(req)
				require.ErrorIs(t, err, context.DeadlineExceeded)
			}
			require.Equal(t, atomicbreaker.CauseFailureThreshold, j.last().Cause)
			require.ErrorIs(t, j.last().Err, context.DeadlineExceeded)
		})
	}
}

func TestTransport_SlowSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, j := newBreaker(atomicbreaker.WithSlowThreshold(time.Second))
		wait := time.Second
		tr := breakerhttp.NewTransport(b, baseFunc(func(r *http.Request) (*http.Response, error) {
			time.Sleep(wait)
			return answer(200, "x")(r)
		}))
		_, err := tr.RoundTrip(newRequest(t, push, nil))
		require.NoError(t, err)
		require.Empty(t, *j)
		wait++
		_, err = tr.RoundTrip(newRequest(t, push, nil))
		require.NoError(t, err)
		require.ErrorIs(t, j.last().Err, atomicbreaker.ErrSlow)
	})
}
