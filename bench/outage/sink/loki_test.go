// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClientPushesAsLokiWantsIt(t *testing.T) {
	var got push
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		assert.Equal(t, PushPath, r.URL.Path)
		assert.Equal(t, "application/json", r.Header.Get("Content-Type"))
		assert.NoError(t, json.NewDecoder(r.Body).Decode(&got))
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	client := NewClient(server.URL+PushPath, "someguard", 1, 30*time.Second)
	defer func() { _ = client.Close() }()
	before := time.Now().UnixNano()
	n, err := client.Write([]byte("{\"seq\":0}\n"))
	require.NoError(t, err)
	assert.Equal(t, 10, n)
	require.Len(t, got.Streams, 1)
	assert.Equal(t, "someguard", got.Streams[0].Labels["guard"])
	require.Len(t, got.Streams[0].Values, 1)
	assert.Equal(t, `{"seq":0}`, got.Streams[0].Values[0][1], "without its line break")
	sent, err := strconv.ParseInt(got.Streams[0].Values[0][0], 10, 64)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, sent, before)
}

// Several lines are several values of one push, and the sink stores each as a record.
func TestClientPushesEachLineAsARecord(t *testing.T) {
	var stored bytes.Buffer
	pushes := 0
	handler := Handler(&stored)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pushes++
		handler.ServeHTTP(w, r)
	}))
	defer server.Close()
	client := NewClient(server.URL+PushPath, "test", 1, 30*time.Second)
	defer func() { _ = client.Close() }()
	const lines = "{\"seq\":0}\n{\"seq\":1}\n{\"seq\":2}\n"
	n, err := client.Write([]byte(lines))
	require.NoError(t, err)
	assert.Equal(t, len(lines), n)
	assert.Equal(t, 1, pushes)
	var records strings.Builder
	for line := range bytes.Lines(stored.Bytes()) {
		record, _, whole := Unstamp(line)
		assert.True(t, whole)
		records.Write(record)
	}
	assert.Equal(t, lines, records.String())
}

// What each answer says about the sink. A record's own error says nothing.
func TestStatuses(t *testing.T) {
	for code, want := range map[int]struct{ err, recordError bool }{
		200: {}, 204: {},
		400: {true, true}, 413: {true, true},
		302: {true, false}, 401: {true, false}, 404: {true, false}, 429: {true, false},
		500: {true, false}, 503: {true, false},
	} {
		t.Run(strconv.Itoa(code), func(t *testing.T) {
			answer := func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(code)
				if code != http.StatusNoContent {
					_, _ = io.WriteString(w, "because of that\n")
				}
			}
			server := httptest.NewServer(http.HandlerFunc(answer))
			defer server.Close()
			client := NewClient(server.URL+PushPath, "test", 1, 30*time.Second)
			defer func() { _ = client.Close() }()
			_, err := client.Write([]byte("{}\n"))
			assert.Equal(t, want.err, err != nil)
			assert.Equal(t, want.recordError, IsRecordError(err))
			if want.err {
				assert.ErrorContains(t, err, strconv.Itoa(code))
				assert.ErrorContains(t, err, "because of that")
			}
		})
	}
	assert.False(t, IsRecordError(errSink))
}

func TestClientFails(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		// Followed, it would be a GET that is answered 200.
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				http.Redirect(w, r, "/elsewhere", http.StatusFound)
			}
		},
		"no answer": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // then the server notices that the client leaves
			<-r.Context().Done()
		},
		"cut off": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			defer server.Close()
			client := NewClient(server.URL+PushPath, "test", 1, time.Second)
			defer func() { _ = client.Close() }()
			n, err := client.Write([]byte("a\n"))
			assert.Error(t, err)
			assert.Zero(t, n)
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// net/http's transport may read a request's body after it has given up, and the logger has reused
// its buffer by then.
func TestClientKeepsNothingOfTheLoggersBuffer(t *testing.T) {
	var late io.ReadCloser
	client := NewClient("http://sink/", "test", 1, time.Second)
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
	assert.Contains(t, string(got), "first")
}

// As many connections as goroutines, however often they all write at once, and also when the sink
// answers at length.
func TestClientKeepsItsConnections(t *testing.T) {
	const goroutines, rounds = 8, 5
	var opened atomic.Int64
	var together sync.WaitGroup // lets no call of a round end before all have begun
	answer := func(w http.ResponseWriter, _ *http.Request) {
		together.Done()
		together.Wait()
		_, _ = w.Write(bytes.Repeat([]byte("taken\n"), 1000))
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(answer))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := NewClient(server.URL+PushPath, "test", goroutines, 30*time.Second)
	defer func() { _ = client.Close() }()
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
