// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// client is a ResponseWriter that keeps what a stream sends.
type client struct {
	mu       sync.Mutex
	header   http.Header
	code     int
	body     bytes.Buffer
	deadline time.Time // of writes
	latest   time.Time // the latest such deadline
	fails    bool
}

func (c *client) Header() http.Header  { return c.header }
func (c *client) WriteHeader(code int) { c.code = code }
func (c *client) Flush()               {}

func (c *client) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails || !c.deadline.IsZero() && time.Now().After(c.deadline) {
		return 0, errors.New("the client is gone")
	}
	return c.body.Write(p)
}

func (c *client) SetWriteDeadline(at time.Time) error {
	c.deadline = at
	if at.After(c.latest) {
		c.latest = at
	}
	return nil
}

// fail makes writes fail.
func (c *client) fail() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fails = true
}

// took returns what was sent since the last call.
func (c *client) took() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.body.Reset()
	return c.body.String()
}

// watch opens a stream. The channel is closed when it ends.
func watch(ctx context.Context, h http.Handler, query string) (*client, <-chan struct{}) {
	c, ended := &client{header: make(http.Header)}, make(chan struct{})
	r := httptest.NewRequest(http.MethodGet, "/?live=1&"+query, nil).WithContext(ctx)
	r.Host = "localhost"
	go func() {
		defer close(ended)
		h.ServeHTTP(c, r)
	}()
	return c, ended
}

func isOver(ended <-chan struct{}) bool {
	synctest.Wait()
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

func TestStream_SendsThePageWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := breakers.NewRegistry()
		b := r.MustNew("loki", atomicbreaker.WithRecoveryTimeout(time.Hour))
		time.Sleep(5 * time.Minute)
		c, ended := watch(t.Context(), r.Handler(), "")
		synctest.Wait()
		require.Equal(t, "text/event-stream", c.header.Get("Content-Type"))
		first := c.took()
		require.True(t, strings.HasPrefix(first, "retry: 1000\n\nevent: at\ndata: {\"iso\":\"2000-01-01T00:05:00Z\",\"text\":\"00:05:00 UTC\"}\n\nevent: page\ndata: "), first)
		require.Contains(t, first, "1 breaker, closed")
		require.True(t, strings.HasSuffix(first, "\n\n"))

		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "event: at\ndata: {\"iso\":\"2000-01-01T00:05:01Z\",\"text\":\"00:05:01 UTC\"}\n\n", c.took(), "nothing has changed")

		b.Trip()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Contains(t, c.took(), "1 breaker: 1 open")
		require.False(t, isOver(ended))
		time.Sleep(time.Minute)
		require.True(t, isOver(ended))
	})
}

func TestStream_Ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := breakers.NewRegistry()
		h := r.Handler()
		c, ended := watch(t.Context(), h, "")
		time.Sleep(30*time.Second - time.Nanosecond)
		require.False(t, isOver(ended))
		time.Sleep(time.Nanosecond)
		require.True(t, isOver(ended), "after 30 s")
		require.True(t, c.deadline.IsZero(), "the next request on the connection has no deadline of the stream")
		require.LessOrEqual(t, time.Until(c.latest), 10*time.Second, "a write has a deadline, which moves")

		ctx, cancel := context.WithCancel(t.Context())
		_, ended = watch(ctx, h, "")
		require.False(t, isOver(ended))
		cancel()
		require.True(t, isOver(ended), "with its request")

		c, ended = watch(t.Context(), h, "")
		require.False(t, isOver(ended))
		c.fail()
		time.Sleep(time.Second)
		require.True(t, isOver(ended), "when a write fails")
	})
}

// The breaker leaves, the page says so, and the stream ends.
func TestStream_OfABreakerThatIsGone(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	synctest.Test(t, func(t *testing.T) {
		c, ended := watch(t.Context(), r.Handler(), "id="+idOf(t, r, b))
		require.False(t, isOver(ended))
		c.took()
		b = nil
		for range 3 {
			runtime.GC()
		}
		time.Sleep(time.Second)
		require.True(t, isOver(ended))
		require.Contains(t, c.took(), "There is no breaker with the ID")

		c, ended = watch(t.Context(), r.Handler(), "id=999999999")
		require.True(t, isOver(ended))
		require.Equal(t, http.StatusNotFound, c.code, "which a browser does not ask again at once")
		require.NotContains(t, c.header.Get("Content-Type"), "event-stream")
	})
}

func TestStream_Bounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := breakers.NewRegistry().Handler()
		ctx, cancel := context.WithCancel(t.Context())
		for range 16 {
			_, ended := watch(ctx, h, "")
			require.False(t, isOver(ended))
		}
		c, ended := watch(ctx, h, "")
		require.True(t, isOver(ended))
		require.Equal(t, http.StatusServiceUnavailable, c.code)
		require.Equal(t, "10", c.header.Get("Retry-After"))
		require.Equal(t, "breakers: 16 pages are open: want 16 at most\n", c.took())
		cancel()
		synctest.Wait()
		_, ended = watch(t.Context(), h, "")
		require.False(t, isOver(ended), "the others have ended")
		time.Sleep(time.Minute)
	})
}

// A page elsewhere cannot take the places of the streams.
func TestStream_OfAnotherSite(t *testing.T) {
	h := breakers.NewRegistry().Handler()
	for _, site := range []string{"cross-site", "same-site"} {
		require.Equal(t, http.StatusForbidden, request(h, http.MethodGet, "/?live=1", header("Sec-Fetch-Site", site)).Code)
	}
}

// Whatever line breaks a name has, an event is what the page is made of.
func TestStream_NothingIsInjected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := breakers.NewRegistry()
		b := r.MustNew("a\n\nevent: evil\ndata: x\r\revent: evil\r\n\r\nid: 7\nretry: 1")
		b.ForceOpen()
		c, ended := watch(t.Context(), r.Handler(), "name=%0a%0devent:%20evil%0a")
		time.Sleep(time.Minute)
		require.True(t, isOver(ended))
		for line := range strings.Lines(strings.ReplaceAll(c.took(), "\r", "\n")) {
			require.Regexp(t, `^(event: (at|page)|data: .*|retry: 1000|)\n$`, line)
		}
	})
}

// noFlush is a middleware that hides what the writer can do.
type noFlush struct{ http.ResponseWriter }

func TestStream_WithoutFlush(t *testing.T) {
	h := breakers.NewRegistry().Handler()
	r := httptest.NewRequest(http.MethodGet, "/?live=1", nil)
	r.Host = "localhost"
	w := httptest.NewRecorder()
	h.ServeHTTP(noFlush{w}, r)
	require.Equal(t, http.StatusNotImplemented, w.Code)
	require.Contains(t, w.Body.String(), "cannot stream")
}

// readUntil reads a stream up to a text.
func readUntil(t *testing.T, r io.Reader, text string) string {
	t.Helper()
	var all []byte
	for !bytes.Contains(all, []byte(text)) {
		var buf [512]byte
		n, err := r.Read(buf[:])
		all = append(all, buf[:n]...)
		if err != nil {
			require.Contains(t, string(all), text)
		}
	}
	return string(all)
}

// A server's timeouts are for other requests. Without deadlines of its own, the stream would end
// before the second event.
func TestStream_OutlivesTheServersTimeouts(t *testing.T) {
	server := httptest.NewUnstartedServer(breakers.NewRegistry().Handler())
	server.Config.ReadTimeout, server.Config.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond
	server.Start()
	defer server.Close()
	response, err := http.Get(server.URL + "/?live=1")
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	readUntil(t, response.Body, "event: page")
	readUntil(t, response.Body, "event: at")
}

// Shutdown does not wait for streams. Otherwise each would hold it for up to 30 s.
func TestStream_ShutdownEndsIt(t *testing.T) {
	h := breakers.NewRegistry().Handler()
	for range 2 { // the second server registers too
		server := httptest.NewServer(h)
		var streams []io.ReadCloser
		for range 3 {
			response, err := http.Get(server.URL + "/?live=1")
			require.NoError(t, err)
			readUntil(t, response.Body, "event: page")
			streams = append(streams, response.Body)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
		require.NoError(t, server.Config.Shutdown(ctx))
		require.NoError(t, server.Config.Shutdown(ctx), "again")
		cancel()
		for _, body := range streams {
			_, err := io.ReadAll(body)
			require.NoError(t, err, "the stream ends properly")
			require.NoError(t, body.Close())
		}
		server.Close()
	}
}
