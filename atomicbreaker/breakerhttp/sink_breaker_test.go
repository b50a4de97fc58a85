// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// One answer of 429 with Retry-After opens the breaker of a Writer for that time.
func TestSink_RetryAfterUnderAWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, j := newBreaker(atomicbreaker.WithFailureThreshold(5), atomicbreaker.WithRetryAfter(breakerhttp.RetryAfter))
		s := breakerhttp.NewSink(&http.Client{Transport: answer(429, "", "Retry-After", "3600")}, push, breakerhttp.WithMaxRetryAfter(time.Minute))
		var file bytes.Buffer
		w := breakerio.NewWriter(b, s, &file, breakerio.WithRecordErrors(breakerhttp.IsRecordError))
		for range 2 {
			_, err := w.Write([]byte("a\n"))
			require.NoError(t, err)
		}
		require.Equal(t, "a\na\n", file.String())
		require.Equal(t, atomicbreaker.CauseTripped, j.last().Cause)
		require.Equal(t, 61*time.Second, b.RetryAfter())
		require.Equal(t, breakerio.Stats{Fallback: 2, Rejected: 1, Failed: 1}, w.Stats())
	})
}

// The same breaker in a Transport and above it is refused where it can be seen.
func TestSink_SameBreakerTwice(t *testing.T) {
	b, other := atomicbreaker.MustNew("loki"), atomicbreaker.MustNew("other")
	sink := breakerhttp.NewSink(&http.Client{Transport: breakerhttp.NewTransport(b, answer(200, ""))}, push)
	text := `breakerio: "loki": a sink of type %T is guarded by this breaker already; want one that is not`
	require.PanicsWithValue(t, fmt.Sprintf(text, sink), func() { breakerio.NewWriter(b, sink, nil) })
	require.PanicsWithValue(t, fmt.Sprintf(text, sink), func() { breakerio.NewWriter(b, io.Discard, sink) })
	lane := breakerio.NewLane(sink, time.Second)
	require.PanicsWithValue(t, fmt.Sprintf(text, lane), func() { breakerio.NewWriter(b, lane, nil) })
	require.NotPanics(t, func() {
		breakerio.NewWriter(other, sink, nil)
		breakerio.NewWriter(b, breakerhttp.NewSink(&http.Client{}, push), nil)
		breakerio.NewWriter(b, breakerhttp.NewSink(nil, push), breakerio.NewLane(io.Discard, time.Second))
	})

	before := http.DefaultTransport
	defer func() { http.DefaultTransport = before }()
	http.DefaultTransport = breakerhttp.NewTransport(b, before)
	require.Panics(t, func() { breakerio.NewWriter(b, breakerhttp.NewSink(&http.Client{}, push), nil) })
	require.Panics(t, func() { breakerio.NewWriter(b, breakerhttp.NewSink(nil, push), nil) })
}

// This is why: where it cannot be seen, the breaker never closes again, although the server works.
func TestSink_SameBreakerTwiceNeverCloses(t *testing.T) {
	b, _ := newBreaker(atomicbreaker.WithRecoveryTimeout(0))
	guarded := breakerhttp.NewTransport(b, answer(200, ""))
	hidden := baseFunc(guarded.RoundTrip)
	w := breakerio.NewWriter(b, breakerhttp.NewSink(&http.Client{Transport: hidden}, push), io.Discard)
	b.Trip()
	for range 10 {
		_, err := w.Write([]byte("a\n"))
		require.NoError(t, err)
		require.Equal(t, atomicbreaker.Open, b.State())
	}
	require.Equal(t, breakerio.Stats{Fallback: 10, Failed: 10}, w.Stats())
}
