// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// offer writes n numbered records. Every write must succeed.
func offer(t *testing.T, w io.Writer, n int) {
	t.Helper()
	for i := range n {
		record := fmt.Sprintf("record %d\n", i)
		got, err := io.WriteString(w, record)
		require.NoError(t, err)
		require.Equal(t, len(record), got)
	}
}

func lines(t *testing.T, f *os.File) int {
	t.Helper()
	all, err := os.ReadFile(f.Name())
	require.NoError(t, err)
	return bytes.Count(all, []byte("\n"))
}

func file(t *testing.T) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "fallback"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// The peer reads half a record and disconnects. TCP does not acknowledge records, so those taken
// before the failure may be lost; the write that failed is in the fallback.
func TestReal_TCPCutInMidRecord(t *testing.T) {
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = listener.Close() }()
	go func() {
		if far, err := listener.Accept(); err == nil {
			_, _ = io.CopyN(io.Discard, far, 1000)
			_ = far.(*net.TCPConn).SetLinger(0)
			_ = far.Close()
		}
	}()
	near, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", listener.Addr().String())
	require.NoError(t, err)
	defer func() { _ = near.Close() }()

	b, fallback := breaker(), file(t)
	w := breakerio.NewWriter(b, near, fallback)
	big := strings.Repeat("x", 64<<20) + "\n" // more than the kernel buffers
	_, err = io.WriteString(w, big)
	require.NoError(t, err)
	require.Equal(t, uint64(1), w.Stats().Torn)
	offer(t, w, 10)
	require.Equal(t, atomicbreaker.Open, b.State())
	require.Equal(t, 11, lines(t, fallback))
}

// An HTTP sink answers 503 and then recovers. 400 is an error of the record.
func TestReal_HTTP(t *testing.T) {
	status, got := http.StatusNoContent, 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if status == http.StatusNoContent {
			got++
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	type answer struct{ error }
	sink := sinkFunc(func(p []byte) (int, error) {
		resp, err := server.Client().Post(server.URL, "text/plain", bytes.NewReader(p))
		if err != nil {
			return 0, err
		}
		_ = resp.Body.Close()
		switch resp.StatusCode {
		case http.StatusNoContent:
			return len(p), nil
		case http.StatusBadRequest:
			return 0, answer{errTooLarge}
		}
		return 0, errDown
	})
	b, fallback := breaker(atomicbreaker.WithRecoveryTimeout(0)), file(t)
	var outages []breakerio.Outage
	w := breakerio.NewWriter(b, sink, fallback,
		breakerio.WithOnOutage(func(o breakerio.Outage) { outages = append(outages, o) }),
		breakerio.WithRecordErrors(func(err error) bool {
			_, is := err.(answer) //nolint:errorlint // not wrapped
			return is
		}))
	offer(t, w, 5)
	status = http.StatusBadRequest
	offer(t, w, 5)
	require.Equal(t, atomicbreaker.Closed, b.State())
	status = http.StatusServiceUnavailable
	offer(t, w, 5)
	require.Equal(t, atomicbreaker.Open, b.State())
	status = http.StatusNoContent
	offer(t, w, 5)
	require.Equal(t, 10, got)
	require.Equal(t, 10, lines(t, fallback))
	require.Len(t, outages, 1)
	require.Equal(t, uint64(5), outages[0].Fallback)
}
