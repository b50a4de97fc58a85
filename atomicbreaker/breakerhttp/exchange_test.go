// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
)

// probing returns a breaker that is due, its transitions, and a transport whose outcomes come with
// the body.
func probing(base http.RoundTripper, opts ...atomicbreaker.Option) (*atomicbreaker.Breaker, *journal, *breakerhttp.Transport) {
	b, j := newBreaker(append([]atomicbreaker.Option{atomicbreaker.WithRecoveryTimeout(0)}, opts...)...)
	b.Trip()
	return b, j, breakerhttp.NewTransport(b, base, breakerhttp.WithBodyOutcome())
}

func TestBody_ReadToItsEnd(t *testing.T) {
	_, j, tr := probing(answer(200, "text"))
	resp, err := tr.RoundTrip(newRequest(t, push, nil))
	require.NoError(t, err)
	require.Equal(t, atomicbreaker.CauseProbeAdmitted, j.last().Cause)
	_, err = io.ReadFull(resp.Body, make([]byte, 4))
	require.NoError(t, err)
	require.Equal(t, atomicbreaker.CauseProbeAdmitted, j.last().Cause, "the end has not been seen")
	require.Empty(t, readAll(t, resp))
	require.Equal(t, atomicbreaker.CauseProbeSucceeded, j.last().Cause)
	require.Len(t, *j, 3)
}

func TestBody_ClosedBeforeItsEnd(t *testing.T) {
	_, j, tr := probing(answer(200, "text"))
	resp, err := tr.RoundTrip(newRequest(t, push, nil))
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, atomicbreaker.CauseProbeSucceeded, j.last().Cause)
	_ = resp.Body.Close()
	_, _ = resp.Body.Read(make([]byte, 1))
	require.Len(t, *j, 3)
}

// A body that breaks off is a failure, and the reader gets the error.
func TestBody_BreaksOff(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "te")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	_, j, tr := probing(nil)
	resp, err := tr.RoundTrip(newRequest(t, s.URL, nil))
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "te", string(text))
	require.NoError(t, resp.Body.Close())
	require.Equal(t, atomicbreaker.CauseProbeFailed, j.last().Cause)
	require.Equal(t, err, j.last().Err)
}

// The server hangs in the body. The deadline of the client is a failure, and a canceled context does
// not count.
func TestBody_Hangs(t *testing.T) {
	s := serve(t, hang(t, func(w http.ResponseWriter) { _, _ = io.WriteString(w, "te") }))
	t.Run("deadline", func(t *testing.T) {
		_, j, tr := probing(nil)
		client := &http.Client{Transport: tr, Timeout: 50 * time.Millisecond}
		// On a busy machine, the header may be late, and even the request.
		for s.requests.Load() == 0 && len(*j) == 1 {
			resp, err := client.Do(newRequest(t, s.URL, nil))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		require.Equal(t, atomicbreaker.CauseProbeFailed, j.last().Cause)
	})
	for name, end := range map[string]func(*http.Response) error{
		"canceled, read":   func(r *http.Response) error { _, err := io.ReadAll(r.Body); return err },
		"canceled, closed": func(r *http.Response) error { return r.Body.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			b, j, tr := probing(nil)
			ctx, cancel := context.WithCancel(t.Context())
			resp, err := tr.RoundTrip(newRequest(t, s.URL, nil).WithContext(ctx))
			require.NoError(t, err)
			cancel()
			_ = end(resp)
			_ = resp.Body.Close()
			require.Equal(t, atomicbreaker.CauseProbeAdmitted, j.last().Cause)
			require.True(t, admits(b))
		})
	}
}

// A body that is never closed holds a probe's place until the probe timeout, and no longer.
func TestBody_Forgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, j, tr := probing(answer(200, "text"), atomicbreaker.WithProbeTimeout(time.Minute))
		_, err := tr.RoundTrip(newRequest(t, push, nil))
		require.NoError(t, err)
		time.Sleep(time.Minute - time.Nanosecond)
		require.False(t, admits(b))
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		require.Equal(t, atomicbreaker.CauseProbeTimedOut, j.last().Cause)
		require.True(t, admits(b))
	})
}

// What has no body to wait for is known at the header: no content, a failure, and a connection that
// is the body.
func TestBody_None(t *testing.T) {
	for name, base := range map[string]baseFunc{
		"no body": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
		},
		"nil": func(*http.Request) (*http.Response, error) { return &http.Response{StatusCode: 204}, nil },
		"101": answer(101, "connection"),
		"503": answer(503, "text"),
	} {
		t.Run(name, func(t *testing.T) {
			_, j, tr := probing(base)
			resp, err := tr.RoundTrip(newRequest(t, push, nil))
			require.NoError(t, err)
			want := atomicbreaker.CauseProbeSucceeded
			if resp.StatusCode == 503 {
				want = atomicbreaker.CauseProbeFailed
			}
			require.Equal(t, want, j.last().Cause)
		})
	}
}

// Close may overlap Read. One of them reports.
func TestBody_CloseDuringRead(t *testing.T) {
	for range 200 {
		b, j, tr := probing(answer(200, "text"))
		resp, err := tr.RoundTrip(newRequest(t, push, nil))
		require.NoError(t, err)
		var both sync.WaitGroup
		both.Go(func() { _, _ = io.ReadAll(resp.Body) })
		both.Go(func() { _ = resp.Body.Close() })
		both.Wait()
		require.Len(t, *j, 3)
		require.Equal(t, atomicbreaker.Closed, b.State())
	}
}

func TestBody_Slow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, j, tr := probing(answer(200, "text"), atomicbreaker.WithSlowThreshold(time.Second))
		resp, err := tr.RoundTrip(newRequest(t, push, nil))
		require.NoError(t, err)
		time.Sleep(time.Second + 1)
		readAll(t, resp)
		require.ErrorIs(t, j.last().Err, atomicbreaker.ErrSlow)
	})
}

// Without the option, the success of the header stands.
func TestBody_WithoutTheOption(t *testing.T) {
	b, j := newBreaker(atomicbreaker.WithRecoveryTimeout(0))
	b.Trip()
	body := &closing{Reader: io.MultiReader(strings.NewReader("te"), broken{})}
	tr := breakerhttp.NewTransport(b, baseFunc(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Body: body}, nil
	}))
	resp, err := tr.RoundTrip(newRequest(t, push, nil))
	require.NoError(t, err)
	require.Same(t, body, resp.Body)
	require.Equal(t, atomicbreaker.CauseProbeSucceeded, j.last().Cause)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken") }
