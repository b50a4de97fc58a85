// SPDX-License-Identifier: Apache-2.0

package breakers_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// form makes a request one of a form with a control.
func form(body string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader(body))
		r.ContentLength = int64(len(body))
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// operator is authorized.
func operator(r *http.Request) bool { return r.Header.Get("X-User") == "operator" }

var asOperator = header("X-User", "operator")

func TestControl_EachOne(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	h := r.Handler(breakers.WithControl(operator))
	target := "/debug/breakers?id=" + idOf(t, r, b)
	for _, tt := range []struct {
		control string
		want    atomicbreaker.State
		cause   atomicbreaker.Cause
	}{
		{"trip", atomicbreaker.Open, atomicbreaker.CauseTripped},
		{"force_open", atomicbreaker.ForcedOpen, atomicbreaker.CauseForced},
		{"force_closed", atomicbreaker.ForcedClosed, atomicbreaker.CauseForced},
		{"reset", atomicbreaker.Closed, atomicbreaker.CauseReset},
	} {
		w := request(h, http.MethodPost, target, form("control="+tt.control), asOperator, header("Sec-Fetch-Site", "same-origin"))
		require.Equal(t, http.StatusSeeOther, w.Code)
		require.Equal(t, "?id="+idOf(t, r, b), w.Header().Get("Location"))
		require.Equal(t, tt.want, b.State())
		history := entryOf(t, r, b).History
		require.Equal(t, tt.cause, history[len(history)-1].Cause, "the history shows who changed the breaker")
	}
}

// Each request is refused for one reason alone, and changes nothing.
func TestControl_Refused(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	open, readOnly := r.Handler(breakers.WithControl(operator)), r.Handler()
	id := "/?id=" + idOf(t, r, b)
	for name, tt := range map[string]struct {
		h      http.Handler
		method string
		target string
		change []func(*http.Request)
		code   int
		says   string
	}{
		"read-only":         {readOnly, "POST", id, []func(*http.Request){form("control=trip"), asOperator}, 405, `method "POST" is not allowed`},
		"nil function":      {r.Handler(breakers.WithControl(nil)), "POST", id, []func(*http.Request){form("control=trip"), asOperator}, 405, "not allowed"},
		"unauthorized":      {open, "POST", id, []func(*http.Request){form("control=trip")}, 403, "may not control"},
		"GET":               {open, "GET", id + "&control=trip", []func(*http.Request){asOperator}, 405, `method "GET" is not allowed`},
		"HEAD":              {open, "HEAD", id + "&control=trip", []func(*http.Request){asOperator}, 405, ""},
		"GET with a body":   {open, "GET", id, []func(*http.Request){form("control=trip"), asOperator}, 200, ""},
		"PUT":               {open, "PUT", id, []func(*http.Request){form("control=trip"), asOperator}, 405, `method "PUT" is not allowed`},
		"DELETE":            {open, "DELETE", id, []func(*http.Request){form("control=trip"), asOperator}, 405, "not allowed"},
		"cross-site":        {open, "POST", id, []func(*http.Request){form("control=trip"), asOperator, header("Sec-Fetch-Site", "cross-site")}, 403, "cross-origin"},
		"same-site":         {open, "POST", id, []func(*http.Request){form("control=trip"), asOperator, header("Sec-Fetch-Site", "same-site")}, 403, "cross-origin"},
		"foreign origin":    {open, "POST", id, []func(*http.Request){form("control=trip"), asOperator, header("Origin", "http://evil.example")}, 403, "cross-origin"},
		"null origin":       {open, "POST", id, []func(*http.Request){form("control=trip"), asOperator, header("Origin", "null")}, 403, "cross-origin"},
		"rebound host":      {open, "POST", id, []func(*http.Request){form("control=trip"), asOperator, func(r *http.Request) { r.Host = "evil.example" }, header("Origin", "http://evil.example")}, 403, `host "evil.example" is not allowed`},
		"control in query":  {open, "POST", id + "&control=trip", []func(*http.Request){form(""), asOperator}, 400, `control "": want trip, reset, force_open or force_closed`},
		"unknown control":   {open, "POST", id, []func(*http.Request){form("control=explode"), asOperator}, 400, `control "explode": want trip`},
		"no form":           {open, "POST", id, []func(*http.Request){form("control=trip"), asOperator, header("Content-Type", "text/plain")}, 400, `control ""`},
		"large form":        {open, "POST", id, []func(*http.Request){form("control=trip&x=" + strings.Repeat("x", 5000)), asOperator}, 400, "too large"},
		"no breaker":        {open, "POST", "/", []func(*http.Request){form("control=trip"), asOperator}, 400, "control without id"},
		"breaker of others": {open, "POST", "/?id=999999999", []func(*http.Request){form("control=trip"), asOperator}, 404, "There is no breaker with the ID 999999999"},
	} {
		t.Run(name, func(t *testing.T) {
			w := request(tt.h, tt.method, tt.target, tt.change...)
			require.Equal(t, tt.code, w.Code, w.Body.String())
			require.Contains(t, w.Body.String(), tt.says)
			require.Equal(t, tt.code == 405, w.Header().Get("Allow") != "")
			require.Equal(t, atomicbreaker.Closed, b.State())
			require.Empty(t, entryOf(t, r, b).History)
		})
	}
}

// A request from elsewhere does not reach the user's function.
func TestControl_OriginBeforeAuthorization(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	h := r.Handler(breakers.WithControl(func(*http.Request) bool { t.Error("called"); return true }))
	request(h, http.MethodPost, "/?id="+idOf(t, r, b), form("control=trip"), header("Sec-Fetch-Site", "cross-site"))
	require.Equal(t, atomicbreaker.Closed, b.State())
}

// The page shows the controls only to those who may use them.
func TestControl_Shown(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	defer runtime.KeepAlive(b)
	target := "/?id=" + idOf(t, r, b)
	shows := func(w *httptest.ResponseRecorder) bool {
		return strings.Contains(w.Body.String(), `<form class="controls"`)
	}
	h := r.Handler(breakers.WithControl(operator))
	require.True(t, shows(request(h, http.MethodGet, target, asOperator)))
	require.False(t, shows(get(h, target)))
	require.False(t, shows(request(r.Handler(), http.MethodGet, target, asOperator)))
}
