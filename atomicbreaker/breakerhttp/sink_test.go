// SPDX-License-Identifier: Apache-2.0

package breakerhttp_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerhttp"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
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

func TestSink_Gzip(t *testing.T) {
	client, requests := keep(answer(200, ""))
	s := breakerhttp.NewSink(client, push, breakerhttp.WithGzip(), breakerhttp.WithHeader("Content-Type", "text/plain"))
	for i := range 3 {
		lines := strings.Repeat("line\n", 1000*i+1)
		_, err := s.Write([]byte(lines))
		require.NoError(t, err)
		r := (*requests)[i]
		require.Equal(t, "gzip", r.header.Get("Content-Encoding"))
		require.Equal(t, "text/plain", r.header.Get("Content-Type"))
		z, err := gzip.NewReader(strings.NewReader(r.body))
		require.NoError(t, err)
		text, err := io.ReadAll(z)
		require.NoError(t, err)
		require.Equal(t, lines, string(text))
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

// The credentials of the URL are sent nevertheless.
func TestSink_BasicAuthentication(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		if user != "user" || password != "secret" || r.URL.RawQuery != "token" {
			w.WriteHeader(401)
		}
	})
	_, err := breakerhttp.NewSink(nil, strings.Replace(s.URL, "//", "//user:secret@", 1)+"/?token").Write([]byte("a\n"))
	require.NoError(t, err)
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

// A batch that is too large is sent in two halves, and n is what the server holds.
func TestSink_TooLarge(t *testing.T) {
	for name, test := range map[string]struct {
		p     string
		limit int // of a body
		sent  []string
		taken string
	}{
		"fits":                       {"a\nb\nc\n", 6, []string{"a\nb\nc\n"}, "a\nb\nc\n"},
		"in halves":                  {"a\nb\nc\nd\n", 4, []string{"a\nb\nc\nd\n", "a\nb\n", "c\nd\n"}, "a\nb\nc\nd\n"},
		"not halved again":           {"a\nb\nc\nd\n", 2, []string{"a\nb\nc\nd\n", "a\nb\n"}, ""},
		"the second half is refused": {"a\nb\ncccccc\n", 6, []string{"a\nb\ncccccc\n", "a\nb\n", "cccccc\n"}, "a\nb\n"},
		"the first half is refused":  {"aaaaaaa\nb\n", 6, []string{"aaaaaaa\nb\n", "aaaaaaa\n"}, ""},
		"a single line":              {"aaaaaaa\n", 6, []string{"aaaaaaa\n"}, ""},
		"no newline":                 {"aaaaaaaa", 6, []string{"aaaaaaaa\n"}, ""},
		"two, the last one open":     {"aaa\nbbb", 5, []string{"aaa\nbbb\n", "aaa\n", "bbb\n"}, "aaa\nbbb"},
		"a long first line":          {"aaaaaa\nb\nc\n", 7, []string{"aaaaaa\nb\nc\n", "aaaaaa\n", "b\nc\n"}, "aaaaaa\nb\nc\n"},
		"a long last line":           {"a\nb\ncccccc", 7, []string{"a\nb\ncccccc\n", "a\nb\n", "cccccc\n"}, "a\nb\ncccccc"},
	} {
		t.Run(name, func(t *testing.T) {
			client, requests := keep(answer(204, ""))
			base := client.Transport
			client.Transport = baseFunc(func(r *http.Request) (*http.Response, error) {
				size := r.ContentLength
				_, _ = base.RoundTrip(r)
				if int(size) > test.limit {
					return answer(413, "too large")(r)
				}
				return answer(204, "")(r)
			})
			*requests = nil
			n, err := breakerhttp.NewSink(client, push).Write([]byte(test.p))
			var sent []string
			for _, r := range *requests {
				sent = append(sent, r.body)
			}
			require.Equal(t, test.sent, sent)
			require.Equal(t, test.taken, test.p[:n])
			require.Equal(t, n < len(test.p), err != nil)
			if err != nil {
				require.True(t, breakerhttp.IsRecordError(err))
			}
		})
	}
}

// Whatever the server answers, p[:n] is exactly what it holds.
func TestSink_TakenIsWhatTheServerHolds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.SampledFrom([]byte("ab\n\n")), 1, 40).Draw(t, "p")
		var held []byte
		client := &http.Client{Transport: baseFunc(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			status := rapid.SampledFrom([]int{200, 204, 413, 413, 413, 400, 503, 0}).Draw(t, "status")
			if status == 0 {
				return nil, errDown
			}
			if status < 300 {
				held = append(held, body...)
			}
			return answer(status, "")(r.Clone(r.Context()))
		})}
		n, err := breakerhttp.NewSink(client, push).Write(p)
		if n == len(p) && p[n-1] != '\n' {
			held = bytes.TrimSuffix(held, []byte("\n"))
		}
		require.Equal(t, string(p[:n]), string(held))
		require.Equal(t, n < len(p), err != nil)
		require.True(t, n == 0 || n == len(p) || p[n-1] == '\n', "a torn line")
	})
}

// Under a Writer, the lines that the server holds are not in the fallback as well.
func TestSink_HalfTakenUnderAWriter(t *testing.T) {
	var stored, file bytes.Buffer
	client := &http.Client{Transport: baseFunc(func(r *http.Request) (*http.Response, error) {
		body, _ := io.ReadAll(r.Body)
		if len(body) > 8 {
			return answer(413, "")(r.Clone(r.Context()))
		}
		stored.Write(body)
		return answer(204, "")(r.Clone(r.Context()))
	})}
	b, j := newBreaker()
	w := breakerio.NewWriter(b, breakerhttp.NewSink(client, push), &file, breakerio.WithRecordErrors(breakerhttp.IsRecordError))
	_, err := w.Write([]byte("a\nb\ncccccccc\n"))
	require.NoError(t, err)
	_, err = w.Write([]byte("d\n"))
	require.NoError(t, err)
	require.Equal(t, "a\nb\nd\n", stored.String())
	require.Equal(t, "cccccccc\n", file.String())
	require.Equal(t, breakerio.Stats{Fallback: 1, RecordErrors: 1, Torn: 1}, w.Stats())
	require.Empty(t, *j, "a record error voted")
}

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

// A server that hangs costs a Write its timeout. With halves, too, Write takes no longer than that.
func TestSink_HangsInTheHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for timeout, client := range map[time.Duration]*http.Client{10 * time.Second: {}, time.Second: {Timeout: time.Second}} {
			requests := 0
			client.Transport = baseFunc(func(r *http.Request) (*http.Response, error) {
				if requests++; requests%3 == 1 {
					time.Sleep(timeout / 2)
					return answer(413, "")(r)
				}
				if requests%3 == 2 {
					return answer(200, "")(r)
				}
				<-r.Context().Done()
				return nil, context.Cause(r.Context())
			})
			start := time.Now()
			n, err := breakerhttp.NewSink(client, push).Write([]byte("a\nb\n"))
			require.Equal(t, timeout, time.Since(start))
			require.Equal(t, 2, n)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.NotErrorIs(t, err, context.Canceled)
			require.EqualError(t, err, fmt.Sprintf("breakerhttp: http://loki.test/push: timed out after %v: context deadline exceeded", timeout))
			require.False(t, breakerhttp.IsRecordError(err))
		}
	})
}

// untilDone is a body that starts with text and then hangs until the request's context ends.
type untilDone struct {
	ctx    context.Context
	text   io.Reader
	closed bool
}

func (u *untilDone) Read(p []byte) (int, error) {
	if n, err := u.text.Read(p); err == nil {
		return n, nil
	}
	<-u.ctx.Done()
	return 0, context.Cause(u.ctx)
}

func (u *untilDone) Close() error { u.closed = true; return nil }

// The status has been received, so a body that hangs costs a second at most and changes nothing.
func TestSink_HangsInTheBody(t *testing.T) {
	for _, status := range []int{200, 503} {
		synctest.Test(t, func(t *testing.T) {
			var body *untilDone
			s := breakerhttp.NewSink(&http.Client{Transport: baseFunc(func(r *http.Request) (*http.Response, error) {
				body = &untilDone{ctx: r.Context(), text: strings.NewReader("why")}
				return &http.Response{StatusCode: status, Body: body}, nil
			})}, push)
			start := time.Now()
			n, err := s.Write([]byte("a\n"))
			require.Equal(t, time.Second, time.Since(start))
			require.True(t, body.closed)
			if status == 200 {
				require.NoError(t, err)
				require.Equal(t, 2, n)
				return
			}
			require.Equal(t, &breakerhttp.StatusError{Status: 503, URL: "http://loki.test/push", Message: "why"}, err)
		})
	}
}

// A request that has failed may still be read. It does not see what the caller then writes into p.
func TestSink_KeepsNothingOfAWrite(t *testing.T) {
	same := func(lines []byte) ([]byte, string, error) { return lines, "text/plain", nil }
	for name, opt := range map[string]breakerhttp.SinkOption{
		"NDJSON": breakerhttp.NDJSON(), "an encoder": breakerhttp.WithEncoder(same),
	} {
		t.Run(name, func(t *testing.T) {
			var body io.Reader
			s := breakerhttp.NewSink(&http.Client{Transport: baseFunc(func(r *http.Request) (*http.Response, error) {
				body = r.Body
				return nil, errDown
			})}, push, opt)
			p := []byte("a\nb\n")
			_, err := s.Write(p)
			require.ErrorIs(t, err, errDown)
			copy(p, "xxxx")
			text, err := io.ReadAll(body)
			require.NoError(t, err)
			require.Equal(t, "a\nb\n", string(text))
			require.Equal(t, "xxxx", string(p))
		})
	}
}

// An encoder that fails is a record error, and nothing is sent.
func TestSink_EncoderFails(t *testing.T) {
	client, requests := keep(answer(200, ""))
	s := breakerhttp.NewSink(client, push, breakerhttp.WithEncoder(func([]byte) ([]byte, string, error) { return nil, "", errDown }))
	n, err := s.Write([]byte("a\n"))
	require.Zero(t, n)
	require.ErrorIs(t, err, errDown)
	require.EqualError(t, err, "breakerhttp: encode: down")
	require.True(t, breakerhttp.IsRecordError(err))
	require.Empty(t, *requests)
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

func TestNewSink_Panics(t *testing.T) {
	loki := func(labels map[string]string) []breakerhttp.SinkOption {
		return []breakerhttp.SinkOption{breakerhttp.Loki(labels)}
	}
	for text, test := range map[string]struct {
		url  string
		opts []breakerhttp.SinkOption
	}{
		"a URL of 25 bytes: not valid; want an absolute http or https URL":               {url: "http://user:secret/@host/"},
		`URL "": want an absolute http or https URL`:                                     {},
		`URL "ftp://host/push": want an absolute http or https URL`:                      {url: "ftp://user:secret@host/push?secret"},
		`URL "/push": want an absolute http or https URL`:                                {url: "/push"},
		`WithHeader("a b", ...): want letters, digits and -`:                             {push, []breakerhttp.SinkOption{breakerhttp.WithHeader("a b", "secret")}},
		`WithHeader("", ...): want letters, digits and -`:                                {push, []breakerhttp.SinkOption{breakerhttp.WithHeader("", "secret")}},
		`WithHeader("a", ...): the value contains a control character`:                   {push, []breakerhttp.SinkOption{breakerhttp.WithHeader("a", "secret\n")}},
		`WithEncoder(nil): want a function`:                                              {push, []breakerhttp.SinkOption{breakerhttp.WithEncoder(nil)}},
		`WithMaxRetryAfter(-1s): want more than 0`:                                       {push, []breakerhttp.SinkOption{breakerhttp.WithMaxRetryAfter(-time.Second)}},
		`Loki(map[]): want at least one label`:                                           {push, loki(nil)},
		`label "": want letters, digits and _, and no digit first`:                       {push, loki(map[string]string{"": "a"})},
		`label "1a": want letters, digits and _, and no digit first`:                     {push, loki(map[string]string{"1a": "a"})},
		`label "a-b": want letters, digits and _, and no digit first`:                    {push, loki(map[string]string{"a-b": "a"})},
		`WithEncoder(nil): want a function; URL "x": want an absolute http or https URL`: {"x", []breakerhttp.SinkOption{breakerhttp.WithEncoder(nil)}},
	} {
		require.PanicsWithValue(t, "breakerhttp: NewSink: "+text, func() { breakerhttp.NewSink(nil, test.url, test.opts...) })
	}
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
