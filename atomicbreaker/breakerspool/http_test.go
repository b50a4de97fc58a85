// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// loki takes at most six lines in a request, refuses a request with a bad one, and may be down.
type loki struct {
	down    atomic.Bool
	mu      sync.Mutex
	held    []string
	arrived func() // called when "record 49" arrives, the last one
}

func (l *loki) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Streams []struct{ Values [][2]string }
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	values := body.Streams[0].Values
	switch {
	case l.down.Load():
		w.Header().Set("Retry-After", "3600")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case len(values) > 6:
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	case slices.ContainsFunc(values, func(v [2]string) bool { return strings.Contains(v[1], "bad") }):
		http.Error(w, "bad", http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range values {
		l.held = append(l.held, v[1])
		if v[1] == "record 49" {
			l.arrived()
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

// TestReplay_ToHTTP replays to a breakerhttp.Sink: batches that are too large or hold a bad record
// are split, the bad record alone is set aside, and each of the others is stored once.
func TestReplay_ToHTTP(t *testing.T) {
	server := &loki{}
	server.down.Store(true)
	listener := httptest.NewServer(server)
	defer listener.Close()
	var rejected atomic.Int32
	s := openSpool(t, t.TempDir(), breakerspool.WithOnDrop(func(d breakerspool.Drop) {
		if d.Reason == breakerspool.DropRejected {
			rejected.Add(int32(d.Records))
		}
	}))
	b := atomicbreaker.MustNew("loki", atomicbreaker.WithRetryAfter(breakerhttp.RetryAfter))
	sink := breakerhttp.NewSink(nil, listener.URL, breakerhttp.Loki(map[string]string{"a": "b"}),
		breakerhttp.WithMaxRetryAfter(time.Millisecond))
	w := breakerio.NewWriter(b, sink, s, breakerio.WithRecordErrors(breakerhttp.IsRecordError))
	var want []string
	for i := range 50 {
		text := fmt.Sprint("record ", i)
		if i%20 == 7 {
			text = fmt.Sprint("bad ", i)
		} else {
			want = append(want, text)
		}
		_, err := io.WriteString(w, text+"\n")
		require.NoError(t, err)
	}
	require.NotZero(t, w.Stats().Failed)
	server.down.Store(false)

	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	server.arrived = cancel
	err := s.Replay(ctx, b, sink, breakerspool.WithBatch(1<<20), breakerspool.WithRecordErrors(breakerhttp.IsRecordError))
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, s.Stats().Records)
	require.Equal(t, want, server.held)
	require.EqualValues(t, 3, rejected.Load())
}
