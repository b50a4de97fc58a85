// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/guard"
)

// request asks h, as a browser on this machine does.
func request(h http.Handler, method, target string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, nil)
	r.Host = "localhost:8080"
	for _, f := range change {
		f(r)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func get(h http.Handler, target string) *httptest.ResponseRecorder {
	return request(h, http.MethodGet, target)
}

// troubled returns a registry with a breaker that is open because of err.
func troubled(err error) (*breakers.Registry, *atomicbreaker.Breaker) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki", atomicbreaker.WithFailureThreshold(1))
	_ = b.Do(func() error { return err })
	return r, b
}

func idOf(t *testing.T, r *breakers.Registry, b *atomicbreaker.Breaker) string {
	t.Helper()
	return fmt.Sprint(entryOf(t, r, b).ID)
}

func TestHandler_Formats(t *testing.T) {
	r, b := troubled(io.ErrClosedPipe)
	defer runtime.KeepAlive(b)
	h := r.Handler()
	for query, want := range map[string]struct{ contentType, text string }{
		"":             {"text/html; charset=utf-8", "1 breaker: 1 open"},
		"?format=html": {"text/html; charset=utf-8", "io: read/write on closed pipe"},
		"?format=json": {"application/json", `"last_error": "io: read/write on closed pipe"`},
		"?format=text": {"text/plain; charset=utf-8", `last_error="io: read/write on closed pipe"`},
	} {
		w := get(h, "/"+query)
		require.Equal(t, http.StatusOK, w.Code)
		require.Equal(t, want.contentType, w.Header().Get("Content-Type"))
		require.Contains(t, w.Body.String(), want.text)
	}
	w := get(h, "/?format=xml")
	require.Equal(t, http.StatusBadRequest, w.Code)
	require.Equal(t, "breakers: format \"xml\": want html, json or text\n", w.Body.String())
}

// A server sends no body for HEAD, and the same header as for GET.
func TestHandler_Head(t *testing.T) {
	r, b := troubled(io.ErrClosedPipe)
	defer runtime.KeepAlive(b)
	server := httptest.NewServer(r.Handler())
	defer server.Close()
	for _, query := range []string{"", "?format=json", "?live=1"} {
		response, err := http.Head(server.URL + query)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Empty(t, body)
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
}

// The links and the redirect lead to the page wherever it is mounted.
func TestHandler_MountedAnywhere(t *testing.T) {
	r, b := troubled(io.ErrClosedPipe)
	defer runtime.KeepAlive(b)
	page := r.Handler(breakers.WithControl(func(*http.Request) bool { return true }))
	root := http.NewServeMux()
	root.Handle("/debug/breakers", page)
	root.Handle("/debug/tree/", page)
	root.Handle("/stripped/breakers/", http.StripPrefix("/stripped/breakers", page))
	root.Handle("/bare", http.StripPrefix("/bare", page))
	server := httptest.NewServer(root)
	defer server.Close()
	for _, path := range []string{"/debug/breakers", "/debug/tree/", "/debug/tree/any/path", "/stripped/breakers/", "/bare"} {
		base, err := url.Parse(server.URL + path)
		require.NoError(t, err)
		link := base.ResolveReference(&url.URL{RawQuery: "id=" + idOf(t, r, b)})
		response, err := http.PostForm(link.String(), url.Values{"control": {"trip"}}) // follows the redirect
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusOK, response.StatusCode)
		require.Equal(t, link.String(), response.Request.URL.String(), "the redirect keeps the path")
		require.Contains(t, string(body), "<h1>loki")
	}
}

func TestHandler_Hosts(t *testing.T) {
	r := breakers.NewRegistry()
	plain, named := r.Handler(), r.Handler(breakers.WithHosts("admin.example", "Pod-7."))
	for host, want := range map[string]struct{ plain, named bool }{
		"localhost": {true, true}, "localhost:8080": {true, true}, "LOCALHOST.:80": {true, true},
		"127.0.0.1": {true, true}, "127.0.0.1:9": {true, true}, "10.1.2.3:80": {true, true},
		"[::1]": {true, true}, "[::1]:80": {true, true}, "[fe80::1%25lo]:80": {true, true},
		"admin.example": {false, true}, "ADMIN.example.:443": {false, true}, "pod-7": {false, true},
		"evil.example": {}, "evil.example:8080": {}, "localhost.evil.example": {}, "127.0.0.1.evil.example": {},
		"admin.example.evil": {}, "sub.admin.example": {}, "sub.localhost": {}, "": {}, "127.1": {}, "2130706433": {},
		"evil.example\x00localhost": {}, "[evil.example]": {},
	} {
		for _, query := range []string{"/", "/?format=json", "/any/path?live=1", "/?id=99", "/?format=xml"} {
			for h, allowed := range map[http.Handler]bool{plain: want.plain, named: want.named} {
				w := request(h, http.MethodHead, query, func(r *http.Request) { r.Host = host })
				require.Equal(t, allowed, w.Code != http.StatusForbidden, "%q %s", host, query)
			}
		}
	}
	w := request(plain, http.MethodGet, "/", func(r *http.Request) { r.Host = "evil.example" })
	require.Equal(t, "breakers: host \"evil.example\" is not allowed: want localhost, an IP address, or a host of WithHosts\n", w.Body.String())
	for _, host := range []string{"", "admin.example:80", "https://admin.example", "a b"} {
		require.PanicsWithValue(t, fmt.Sprintf("breakers: WithHosts: %q: want a host name without scheme and port", host),
			func() { breakers.WithHosts("x", host) })
	}
}

// All responses have the headers, also the errors.
func TestHandler_Headers(t *testing.T) {
	h := breakers.NewRegistry().Handler()
	for target, code := range map[string]int{
		"/": 200, "/?format=json": 200, "/?format=text": 200, "/?id=999999999": 404, "/?format=xml": 400, "/?control=trip": 405,
	} {
		w := get(h, target)
		require.Equal(t, code, w.Code, target)
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'")
		require.Contains(t, w.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'")
		require.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
		require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		require.Equal(t, "no-referrer", w.Header().Get("Referrer-Policy"))
		require.Equal(t, "same-origin", w.Header().Get("Cross-Origin-Resource-Policy"))
	}
}

// decode returns a JSON response.
func decode(t *testing.T, w *httptest.ResponseRecorder) (object map[string]any) {
	t.Helper()
	require.Equal(t, http.StatusOK, w.Code)
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &object))
	return object
}

func TestHandler_JSONOfABreaker(t *testing.T) {
	r, b := troubled(io.ErrClosedPipe)
	defer runtime.KeepAlive(b)
	w := breakerio.NewWriter(b, broken{}, io.Discard)
	require.NoError(t, r.Attach(b, w))
	require.NoError(t, r.Attach(b, &spool{guard.Backlog{Records: 3, Bytes: 100}}))
	_, _ = w.Write([]byte("a record\n"))
	object := decode(t, get(r.Handler(), "/?format=json&id="+idOf(t, r, b)))
	assert.Equal(t, b.Config().String(), object["options"])
	for name, want := range map[string]any{
		"name": "loki", "group": "", "state": "open", "probe_due": false, "cause": "failure_threshold", "failures": 1.0,
		"generation": 1.0, "transitions_total": 1.0, "last_error": "io: read/write on closed pipe",
	} {
		assert.Equal(t, want, object[name], name)
	}
	assert.InDelta(t, 30, object["retry_after_seconds"], 29.99)
	assert.Equal(t, 1.0, object["writes"].(map[string]any)["fallback"])
	assert.Equal(t, 1.0, object["writes"].(map[string]any)["rejected"])
	assert.Equal(t, 3.0, object["backlog"].(map[string]any)["records"])
	assert.Nil(t, object["backlog"].(map[string]any)["oldest"])
	assert.Len(t, object["parts"], 2)
	assert.Len(t, object["transitions"], 20)
	history := object["history"].([]any)
	assert.Len(t, history, 1)
	assert.Equal(t, "closed", history[0].(map[string]any)["from"])
}

// A group is one row, a search finds its breakers, and it has a page.
func TestHandler_Groups(t *testing.T) {
	r := breakers.NewRegistry()
	single := r.MustNew("loki")
	g := breakers.NewGroup[int](r, 4096, nil, breakers.WithGroupName("tenants"))
	for key := range 300 {
		g.Get(key)
	}
	g.Get(42).Trip()
	h := r.Handler()
	object := decode(t, get(h, "/?format=json"))
	require.Len(t, object["breakers"], 1)
	require.Equal(t, 300.0, object["counts"].(map[string]any)["closed"])
	groups := object["groups"].([]any)
	require.Len(t, groups, 1)
	require.Equal(t, 300.0, groups[0].(map[string]any)["breakers_total"])
	require.Equal(t, 1.0, groups[0].(map[string]any)["counts"].(map[string]any)["open"])
	require.Contains(t, get(h, "/").Body.String(), `<a href="?group=tenants">tenants</a>`)

	found := decode(t, get(h, "/?format=json&name=tenants/42"))["breakers"].([]any)
	require.Len(t, found, 1)
	require.Equal(t, "tenants", found[0].(map[string]any)["group"])
	require.Empty(t, decode(t, get(h, "/?format=json&state=open"))["breakers"], "those of groups are on the group's page")

	object = decode(t, get(h, "/?format=json&group=tenants&state=open"))
	require.Len(t, object["breakers"], 1)
	require.Equal(t, "tenants", object["name"])
	body := get(h, "/?group=tenants").Body.String()
	require.Contains(t, body, "1 to 100 of 300")
	require.Less(t, strings.Index(body, "tenants/42<"), strings.Index(body, "tenants/1<"), "the worst first")
	require.Equal(t, http.StatusNotFound, get(h, "/?group=others").Code)
	runtime.KeepAlive(single)
	runtime.KeepAlive(g)
}

func TestHandler_ABreakerThatIsGone(t *testing.T) {
	r := breakers.NewRegistry()
	id := func() string { return idOf(t, r, r.MustNew("loki")) }()
	for range 3 {
		runtime.GC()
	}
	w := get(r.Handler(), "/?id="+id)
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Contains(t, w.Body.String(), "There is no breaker with the ID "+id)
	require.Contains(t, w.Body.String(), `<a href="?">Show all breakers</a>`)
	w = get(r.Handler(), "/?format=json&id="+id)
	require.Equal(t, http.StatusNotFound, w.Code)
	require.Equal(t, "application/json", w.Header().Get("Content-Type"))
}

// No format shows what an error has in its URLs.
func TestHandler_ErrorsAreRedacted(t *testing.T) {
	r, b := troubled(&url.Error{Op: "Post", URL: "https://user:s3cret@loki:3100/push?token=s3cret", Err: errors.New("EOF")})
	defer runtime.KeepAlive(b)
	h := r.Handler()
	for _, selected := range []string{"", "&id=" + idOf(t, r, b)} {
		for _, format := range []string{"html", "json", "text"} {
			body := get(h, "/?format="+format+selected).Body.String()
			require.NotContains(t, body, "s3cret")
			require.Contains(t, body, "xxxxx@loki:3100/push?xxxxx")
		}
	}
}

func TestHandler_HTTP2(t *testing.T) {
	r, b := troubled(io.ErrClosedPipe)
	defer runtime.KeepAlive(b)
	server := httptest.NewUnstartedServer(r.Handler())
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, 2, response.ProtoMajor)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(body), "1 breaker: 1 open")

	stream, err := server.Client().Get(server.URL + "?live=1")
	require.NoError(t, err)
	defer func() { _ = stream.Body.Close() }()
	require.Contains(t, readUntil(t, stream.Body, "event: page"), "event: at")
}
