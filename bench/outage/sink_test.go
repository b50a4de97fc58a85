// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// forgetful is the environment variable that makes a sink of these tests lie: it acknowledges each 100th record
// without storing it.
const forgetful = "OUTAGE_TEST_FORGETFUL"

// TestMain is the sink's main when the demo under test starts its own binary, which is this one.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == sinkCommand && os.Getenv(forgetful) != "" {
		forgetfulSink(os.Args[2], os.Args[3])
	}
	runAsSink()
	os.Exit(m.Run())
}

func forgetfulSink(addr, path string) {
	file, err := openRecords(path)
	if err != nil {
		os.Exit(1)
	}
	n := 0
	_ = serveSink(addr, writerFunc(func(p []byte) (int, error) {
		if n++; n%100 == 0 {
			return len(p), nil
		}
		return file.Write(p)
	}), os.Stdin, os.Stdout)
	os.Exit(0)
}

func TestSinkAcknowledgesWhatItStored(t *testing.T) {
	var stored bytes.Buffer
	server := httptest.NewServer(acknowledge(&stored))
	defer server.Close()
	client := newHTTPSink(server.URL, 1)
	defer client.Close()

	n, err := client.Write([]byte("{\"seq\":0}\n"))
	require.NoError(t, err)
	assert.Equal(t, 10, n)
	assert.Equal(t, "{\"seq\":0}\n", stored.String())

	resp, err := http.Get(server.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	assert.Equal(t, http.StatusMethodNotAllowed, resp.StatusCode)

	_, err = client.Write(bytes.Repeat([]byte("x"), maxRecord+1))
	assert.Error(t, err, "too long")
	assert.Equal(t, 10, stored.Len())
}

func TestSinkDoesNotAcknowledgeWhatItCouldNotStore(t *testing.T) {
	for name, file := range map[string]writerFunc{
		"error": failing,
		"short": func(p []byte) (int, error) { return len(p) - 1, nil },
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(acknowledge(file))
			defer server.Close()
			client := newHTTPSink(server.URL, 1)
			defer client.Close()
			_, err := client.Write([]byte("a\n"))
			assert.ErrorContains(t, err, "503")
		})
	}
}

// A record whose sender died while sending it is not a record.
func TestSinkStoresNoPartOfARecord(t *testing.T) {
	writes := make(chan string, 1)
	handled := make(chan struct{})
	store := acknowledge(writerFunc(func(p []byte) (int, error) { writes <- string(p); return len(p), nil }))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		store.ServeHTTP(w, r)
		close(handled)
	}))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: sink\r\nContent-Length: 10\r\n\r\n{\"seq\"")
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	<-handled
	assert.Empty(t, writes)
}

func TestClientFails(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"server error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"too many":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
		// Followed, it would be a GET that is answered 200.
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			}
		},
		"no answer": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // only then does the server watch for the client's leaving
			<-r.Context().Done()
		},
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			client := newHTTPSink(server.URL, 1)
			defer client.Close()
			began := time.Now()
			n, err := client.Write([]byte("a\n"))
			assert.Error(t, err)
			assert.Zero(t, n)
			assert.Less(t, time.Since(began), 5*clientTimeout)
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// net/http's transport may read a request's body after it has given up, and the logger has reused its buffer by then.
func TestClientKeepsNothingOfTheLoggersBuffer(t *testing.T) {
	var late io.ReadCloser
	client := newHTTPSink("http://sink/", 1)
	client.client.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
		late = r.Body
		return nil, errSink
	})
	buffer := []byte("first\n")
	_, err := client.Write(buffer)
	require.ErrorIs(t, err, errSink)
	copy(buffer, "other\n")
	got, err := io.ReadAll(late)
	require.NoError(t, err)
	assert.Equal(t, "first\n", string(got))
}

// As many connections as goroutines, however often they all write at once, and also when the sink answers at length.
func TestClientKeepsItsConnections(t *testing.T) {
	const goroutines, rounds = 8, 5
	var opened atomic.Int64
	var together sync.WaitGroup // lets no call of a round end before all have begun
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		together.Done()
		together.Wait()
		_, _ = w.Write(bytes.Repeat([]byte("taken\n"), 1000))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := newHTTPSink(server.URL, goroutines)
	defer client.Close()
	client.client.Timeout = 30 * time.Second // a busy machine is not what this is about
	for range rounds {
		together.Add(goroutines)
		var round sync.WaitGroup
		for range goroutines {
			round.Go(func() {
				_, err := client.Write([]byte("a\n"))
				assert.NoError(t, err)
			})
		}
		round.Wait()
	}
	assert.LessOrEqual(t, opened.Load(), int64(goroutines))
}

func TestSinkProcessDiesAndReturnsOnTheSamePort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sink.jsonl")
	first, err := startSink("127.0.0.1:0", path)
	require.NoError(t, err)
	client := newHTTPSink(first.url(), 1)
	_, err = client.Write([]byte("{\"seq\":0}\n"))
	require.NoError(t, err)

	first.kill()
	_, err = client.Write([]byte("{\"seq\":1}\n"))
	require.Error(t, err, "nobody listens")

	second, err := startSink(first.addr, path)
	require.NoError(t, err)
	defer second.kill()
	assert.Equal(t, first.addr, second.addr)
	assert.NotEqual(t, first.pid(), second.pid())
	_, err = client.Write([]byte("{\"seq\":2}\n"))
	require.NoError(t, err)
	client.Close()
	second.stop()

	got, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "{\"seq\":0}\n{\"seq\":2}\n", string(got))
}

// However the parent goes, its end of the pipe goes with it.
func TestSinkEndsWithItsStandardInput(t *testing.T) {
	p, err := startSink("127.0.0.1:0", filepath.Join(t.TempDir(), "sink.jsonl"))
	require.NoError(t, err)
	defer p.kill()
	ended := make(chan error, 1)
	require.NoError(t, p.stdin.Close())
	go func() { ended <- p.cmd.Wait() }()
	select {
	case err := <-ended:
		assert.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Error("the sink outlives its parent")
	}
}

func TestSinkThatCannotStart(t *testing.T) {
	_, err := startSink("127.0.0.1:0", filepath.Join(t.TempDir(), "no", "such", "folder"))
	assert.ErrorContains(t, err, "did not start")

	err = sinkMain("nowhere:0", filepath.Join(t.TempDir(), "sink.jsonl"), strings.NewReader(""), io.Discard)
	assert.Error(t, err)
	assert.NotErrorIs(t, err, http.ErrServerClosed)
}
