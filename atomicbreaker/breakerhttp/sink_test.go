// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
)

// kept is a request as the server saw it.
type kept struct {
	method, url, host, body string
	header                  http.Header
}

// keep returns a client whose server keeps each request and then answers as base does.
func keep(base baseFunc) (*http.Client, *[]kept) {
	var all []kept
	var mu sync.Mutex
	return &http.Client{Transport: baseFunc(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		all = append(all, kept{r.Method, r.URL.String(), r.Host, string(body), r.Header})
		mu.Unlock()
		r.Body = http.NoBody
		return base(r)
	})}, &all
}

func TestSink_OneWriteIsOneRequest(t *testing.T) {
	client, requests := keep(answer(204, ""))
	s := breakerhttp.NewSink(client, "http://host.test/push?a=b", breakerhttp.WithHeader("X-Scope-OrgID", "tenant"),
		breakerhttp.WithHeader("host", "other.test"))
	for _, p := range []string{"a\nb\n", "", "c"} {
		n, err := s.Write([]byte(p))
		require.NoError(t, err)
		require.Equal(t, len(p), n)
	}
	require.Len(t, *requests, 2)
	require.Equal(t, "a\nb\n", (*requests)[0].body)
	require.Equal(t, "c\n", (*requests)[1].body)
	for _, r := range *requests {
		require.Equal(t, "POST http://host.test/push?a=b", r.method+" "+r.url)
		require.Equal(t, "other.test", r.host)
		require.Equal(t, "application/x-ndjson", r.header.Get("Content-Type"))
		require.Equal(t, "tenant", r.header.Get("X-Scope-OrgID"))
	}
}

// Each status other than 2xx is an error that says what the server said. 400 and 413 are errors of
// the records.
func TestSink_Statuses(t *testing.T) {
	for status := 200; status < 600; status++ {
		s := breakerhttp.NewSink(&http.Client{Transport: answer(status, " no\n", "Retry-After", "7", "Location", "/x?secret")}, push)
		n, err := s.Write([]byte("a\n"))
		if status < 300 {
			require.NoError(t, err)
			require.Equal(t, 2, n)
			continue
		}
		require.Zero(t, n)
		want := &breakerhttp.StatusError{Status: status, URL: "http://loki.test/push", Message: "no"}
		if status == 429 || status == 503 {
			want.RetryAfter = 7 * time.Second
		}
		require.Equal(t, want, err)
		require.Equal(t, status == 400 || status == 413, breakerhttp.IsRecordError(fmt.Errorf("wrapped: %w", err)), status)
	}
}

func TestStatusError_Text(t *testing.T) {
	require.EqualError(t, &breakerhttp.StatusError{Status: 503, URL: "http://loki/push", RetryAfter: time.Minute, Message: "a\n\"b\""},
		`breakerhttp: http://loki/push: 503 Service Unavailable, retry after 1m0s: "a\n\"b\""`)
	require.EqualError(t, &breakerhttp.StatusError{Status: 599, URL: "http://loki/push"}, `breakerhttp: http://loki/push: 599`)
}

// The message of an error is short and printable, whatever the server sends.
func TestSink_MessageIsBounded(t *testing.T) {
	for body, want := range map[string]string{
		strings.Repeat("x", 1<<20): strings.Repeat("x", 256), "\xff\xfea\x00": "a\x00", "": "",
		strings.Repeat("x", 255) + "é": strings.Repeat("x", 255),
	} {
		_, err := breakerhttp.NewSink(&http.Client{Transport: answer(500, body)}, push).Write([]byte("a\n"))
		var e *breakerhttp.StatusError
		require.ErrorAs(t, err, &e)
		require.Equal(t, want, e.Message)
		require.NotContains(t, e.Error(), "\x00")
	}
}

// No error, and no form of printing a Sink, shows a password, a query or a header's value.
func TestSink_KeepsSecrets(t *testing.T) {
	gone := serve(t, nil)
	gone.Close()
	held := serve(t, hang(t, nil))
	for name, server := range map[string]struct {
		client *http.Client
		url    string
	}{
		"503":       {&http.Client{Transport: answer(503, "")}, push},
		"307":       {&http.Client{Transport: answer(307, "", "Location", "http://secret@other/?secret")}, push},
		"an error":  {&http.Client{Transport: baseFunc(func(*http.Request) (*http.Response, error) { return nil, errDown })}, push},
		"refused":   {nil, strings.Replace(gone.URL, "//", "//user:secret@", 1) + "/?secret#secret"},
		"timed out": {&http.Client{Timeout: 10 * time.Millisecond}, strings.Replace(held.URL, "//", "//user:secret@", 1) + "/?secret"},
	} {
		t.Run(name, func(t *testing.T) {
			s := breakerhttp.NewSink(server.client, server.url, breakerhttp.WithHeader("Authorization", "Bearer secret"))
			_, err := s.Write([]byte("a\n"))
			require.Error(t, err)
			for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err), fmt.Sprintf("%v %+v %#v", s, s, s)} {
				require.NotContains(t, text, "secret")
			}
			require.Contains(t, err.Error(), "breakerhttp: http://")
		})
	}
}

// A redirect is an error: a client that follows it may end with a GET that succeeds.
func TestSink_RedirectIsAnError(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/" {
				http.Redirect(w, r, "/elsewhere", status)
			}
		})
		client := &http.Client{}
		n, err := breakerhttp.NewSink(client, s.URL).Write([]byte("a\n"))
		require.Zero(t, n)
		var e *breakerhttp.StatusError
		require.ErrorAs(t, err, &e)
		require.Equal(t, status, e.Status)
		require.False(t, breakerhttp.IsRecordError(err))
		require.EqualValues(t, 1, s.requests.Load())
		require.Nil(t, client.CheckRedirect, "the caller's client was changed")
	}
}

// Connections are used again whatever the status, unless a body is longer than the limit.
func TestSink_KeepsConnections(t *testing.T) {
	size := 0
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		status := map[string]int{"a\n": 200, "b\n": 204, "c\n": 503, "d\n": 400}[string(body)]
		w.WriteHeader(status)
		if status != 204 {
			_, _ = w.Write(make([]byte, size))
		}
	})
	for name, client := range map[string]*http.Client{"of the Sink": nil, "of the caller": s.Client()} {
		t.Run(name, func(t *testing.T) {
			sink := breakerhttp.NewSink(client, s.URL)
			s.connections.Store(0)
			for size = range 2 {
				size *= 60_000
				for _, p := range []string{"a\n", "b\n", "c\n", "d\n", "a\n"} {
					_, _ = sink.Write([]byte(p))
				}
			}
			require.EqualValues(t, 1, s.connections.Load())
			size = 10 << 20
			_, err := sink.Write([]byte("a\n"))
			require.NoError(t, err)
			_, err = sink.Write([]byte("b\n"))
			require.NoError(t, err)
			require.EqualValues(t, 2, s.connections.Load(), "the whole body was read")
			require.NoError(t, sink.Close())
			_, err = sink.Write([]byte("b\n"))
			require.NoError(t, err, "after Close")
			want := map[bool]int32{true: 3, false: 2}[client == nil]
			require.Equal(t, want, s.connections.Load(), "Close closes the connections of its own client")
			client = s.Client()
			client.CloseIdleConnections()
		})
	}
}

func TestSink_Concurrent(t *testing.T) {
	var mu sync.Mutex
	stored := map[string]int{}
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		assert.NoError(t, err)
		body, err := io.ReadAll(z)
		assert.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		for line := range strings.Lines(string(body)) {
			stored[line]++
		}
	})
	sink := breakerhttp.NewSink(nil, s.URL, breakerhttp.WithGzip())
	defer func() { assert.NoError(t, sink.Close()) }()
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 20 {
				_, err := fmt.Fprintf(sink, "%d %d\n", g, i)
				assert.NoError(t, err)
			}
		})
	}
	all.Wait()
	require.Len(t, stored, 160)
}
