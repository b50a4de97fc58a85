// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
)

// Connections are used again after successes and after failures.
func TestTransport_KeepsConnections(t *testing.T) {
	for name, start := range map[string]func(*httptest.Server){
		"HTTP/1.1": (*httptest.Server).Start,
		"HTTP/2":   func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() },
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(200 + int(r.ContentLength))
				_, _ = fmt.Fprint(w, strings.Repeat("x", 100))
			}, start)
			b, j := newBreaker(atomicbreaker.WithFailureThreshold(100))
			client := s.Client()
			client.Transport = breakerhttp.NewTransport(b, client.Transport)
			for i := range 40 {
				size := i % 2 * 303
				resp, err := client.Do(newRequest(t, s.URL, strings.NewReader(strings.Repeat("x", size))))
				require.NoError(t, err)
				require.Equal(t, 200+size, resp.StatusCode)
				require.Equal(t, strings.Repeat("x", 100), readAll(t, resp))
				require.Equal(t, name == "HTTP/2", resp.ProtoMajor == 2)
			}
			require.EqualValues(t, 1, s.connections.Load())
			require.Empty(t, *j)
			client.CloseIdleConnections()
			resp, err := client.Do(newRequest(t, s.URL, nil))
			require.NoError(t, err)
			readAll(t, resp)
			require.EqualValues(t, 2, s.connections.Load(), "CloseIdleConnections did not reach the base")
		})
	}
	breakerhttp.NewTransport(atomicbreaker.MustNew("loki"), answer(200, "")).CloseIdleConnections() // base cannot
}

func TestTransport_HTTP2Failures(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusServiceUnavailable)
	}, func(s *httptest.Server) { s.EnableHTTP2 = true; s.StartTLS() })
	b, j := newBreaker(atomicbreaker.WithFailureThreshold(5))
	client := s.Client()
	client.Transport = breakerhttp.NewTransport(b, client.Transport)
	resp, err := client.Do(newRequest(t, s.URL, strings.NewReader("x")))
	require.NoError(t, err)
	require.Equal(t, 2, resp.ProtoMajor)
	require.Equal(t, atomicbreaker.CauseTripped, j.last().Cause)
	_, err = client.Do(newRequest(t, s.URL, strings.NewReader("x")))
	require.ErrorIs(t, err, atomicbreaker.ErrOpen)
	require.EqualValues(t, 1, s.requests.Load())
}
