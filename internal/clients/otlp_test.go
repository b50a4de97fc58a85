// SPDX-License-Identifier: Apache-2.0

package clients_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/log/logtest"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
)

// server answers with the current handler, and counts.
type server struct {
	*httptest.Server
	handler               atomic.Pointer[http.HandlerFunc]
	requests, connections atomic.Int32
	over                  chan struct{} // closed at the end of the test
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{over: make(chan struct{})}
	s.answer(http.StatusOK)
	s.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		(*s.handler.Load())(w, r)
	}))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			s.connections.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(s.over) })
	return s
}

func (s *server) serve(h http.HandlerFunc) { s.handler.Store(&h) }

func (s *server) answer(status int, header ...string) {
	s.serve(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
	})
}

// hang makes the server write a part of its answer, if inBody is set, and then nothing more.
func (s *server) hang(inBody bool) {
	s.serve(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if inBody {
			w.Header().Set("Content-Type", "application/x-protobuf")
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-s.over:
		case <-r.Context().Done():
		}
	})
}

// otlp is an exporter whose client is guarded.
type otlp struct {
	*server
	exporter *otlploghttp.Exporter
	breaker  *atomicbreaker.Breaker
	last     atomic.Pointer[atomicbreaker.Transition]
}

func newOTLP(t *testing.T, timeout time.Duration, retry bool, opts ...breakerhttp.TransportOption) *otlp {
	t.Helper()
	o := &otlp{server: newServer(t)}
	o.breaker = atomicbreaker.MustNew("otlp", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(0),
		atomicbreaker.WithOnTransition(func(t atomicbreaker.Transition) { o.last.Store(&t) }))
	client := &http.Client{Transport: breakerhttp.NewTransport(o.breaker, nil, opts...), Timeout: timeout}
	var err error
	o.exporter, err = otlploghttp.New(t.Context(), otlploghttp.WithHTTPClient(client), otlploghttp.WithEndpointURL(o.URL+"/v1/logs"),
		otlploghttp.WithCompression(otlploghttp.GzipCompression), otlploghttp.WithRetry(otlploghttp.RetryConfig{
			Enabled: retry, InitialInterval: time.Millisecond, MaxInterval: time.Millisecond, MaxElapsedTime: time.Minute,
		}))
	require.NoError(t, err)
	t.Cleanup(func() { _ = o.exporter.Shutdown(context.Background()) })
	return o
}

func (o *otlp) export(t *testing.T) error {
	t.Helper()
	record := logtest.RecordFactory{Body: attribute.StringValue("text")}.NewRecord()
	return o.exporter.Export(t.Context(), []sdklog.Record{record})
}

func TestOTLP_Outage(t *testing.T) {
	o := newOTLP(t, 10*time.Second, false)
	for range 5 {
		require.NoError(t, o.export(t))
	}
	o.answer(http.StatusInternalServerError)
	require.Error(t, o.export(t))
	require.Equal(t, atomicbreaker.CauseFailureThreshold, o.last.Load().Cause)
	require.Error(t, o.export(t))
	require.Equal(t, atomicbreaker.CauseProbeFailed, o.last.Load().Cause)
	o.answer(http.StatusOK)
	require.NoError(t, o.export(t))
	require.Equal(t, atomicbreaker.Closed, o.breaker.State())
	require.EqualValues(t, 8, o.requests.Load())
	require.EqualValues(t, 1, o.connections.Load(), "connections are not used again")
}

// A Retry-After rejects the next exports before they reach the server. The exporter's own retries do
// not repeat a rejected one.
func TestOTLP_RetryAfter(t *testing.T) {
	for _, retry := range []bool{false, true} {
		o := newOTLP(t, 10*time.Second, retry)
		o.answer(http.StatusServiceUnavailable, "Retry-After", "1")
		err := o.export(t)
		require.Error(t, err)
		require.Equal(t, atomicbreaker.CauseTripped, o.last.Load().Cause)
		o.breaker.TripFor(time.Hour)
		sent := o.requests.Load()
		require.ErrorIs(t, o.export(t), atomicbreaker.ErrRejected)
		require.Equal(t, sent, o.requests.Load())
	}
}

func TestOTLP_Hangs(t *testing.T) {
	for name, inBody := range map[string]bool{"in the header": false, "in the body": true} {
		t.Run(name, func(t *testing.T) {
			o := newOTLP(t, 100*time.Millisecond, false, breakerhttp.WithBodyOutcome())
			o.hang(inBody)
			for o.requests.Load() == 0 && o.last.Load() == nil { // on a busy machine, the time may be over before
				require.Error(t, o.export(t))
			}
			require.Equal(t, atomicbreaker.CauseFailureThreshold, o.last.Load().Cause)
			require.ErrorContains(t, o.last.Load().Err, "deadline exceeded")
		})
	}
}
