// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

func everyone(*http.Request) bool { return true }

func TestControl_EachButton(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	server := serve(t, r.Handler(breakers.WithControl(everyone)))
	tb := open(t, server.URL)
	address := fmt.Sprintf("%s/?id=%d", server.URL, id(t, r, b))
	tb.visit(address)
	for _, tt := range []struct {
		button, shown string
		want          atomicbreaker.State
	}{
		{"trip", "open", atomicbreaker.Open},
		{"force_closed", "forced closed", atomicbreaker.ForcedClosed},
		{"force_open", "forced open", atomicbreaker.ForcedOpen},
		{"reset", "closed", atomicbreaker.Closed},
	} {
		require.EqualValues(t, 200, tb.click(`button[value="`+tt.button+`"]`), "after the redirect")
		require.Equal(t, tt.want, b.State())
		require.Equal(t, tt.shown, value[string](tb, `document.querySelector("h1 .state").textContent`))
		require.Equal(t, address, value[string](tb, `location.href`), "a reload sends no form again")
	}
	tb.hasNoComplaints()
}

// A form on a page elsewhere is refused, although the browser would send the user's cookies.
func TestControl_OfAForeignForm(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	server := serve(t, r.Handler(breakers.WithControl(everyone)))
	target := fmt.Sprintf("%s/?id=%d", server.URL, id(t, r, b))
	attacker := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<form method="post" action=%q><button name="control" value="trip">win</button></form>`, target)
	}))
	elsewhere := strings.Replace(attacker.URL, "127.0.0.1", "localhost", 1)
	for _, from := range []string{elsewhere, attacker.URL} { // another site, and another origin of the same site
		tb := open(t, server.URL, attacker.URL, elsewhere)
		tb.visit(from)
		require.EqualValues(t, 403, tb.click("button"))
		require.Equal(t, atomicbreaker.Closed, b.State())
	}
}

// A page whose host name was made to resolve to this machine has the same origin as the debug page
// under that name, and still neither reads it nor controls breakers.
func TestControl_OfAReboundHost(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	server := serve(t, r.Handler(breakers.WithControl(everyone)))
	rebound := strings.Replace(server.URL, "127.0.0.1", "evil.example", 1)
	tb := open(t, rebound)
	require.EqualValues(t, 403, tb.visit(rebound))
	require.NotContains(t, value[string](tb, `document.body.textContent`), "loki")
	require.Equal(t, 403, value[int](tb, post(id(t, r, b))))
	require.Equal(t, 403, value[int](tb, `fetch("?format=json").then((r) => r.status)`))
	require.Equal(t, atomicbreaker.Closed, b.State())
}

// post is a request of a script on the page.
func post(id uint64) string {
	return fmt.Sprintf(`fetch("?id=%d", {method: "POST", body: new URLSearchParams({control: "trip"})}).then((r) => r.status)`, id)
}

// Without authorization there are no buttons, and a request without them is refused as well.
func TestControl_Unauthorized(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	server := serve(t, r.Handler(breakers.WithControl(func(*http.Request) bool { return false })))
	tb := open(t, server.URL)
	tb.visit(fmt.Sprintf("%s/?id=%d", server.URL, id(t, r, b)))
	tb.live()
	require.Equal(t, 0, value[int](tb, `document.querySelectorAll("button").length`))
	require.Equal(t, 403, value[int](tb, post(id(t, r, b))))
	require.Equal(t, atomicbreaker.Closed, b.State())
}

// A link, which another site can make a user follow, controls nothing.
func TestControl_ByGet(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	server := serve(t, r.Handler(breakers.WithControl(everyone)))
	tb := open(t, server.URL)
	require.EqualValues(t, 405, tb.visit(fmt.Sprintf("%s/?id=%d&control=trip", server.URL, id(t, r, b))))
	require.Equal(t, atomicbreaker.Closed, b.State())
	runtime.KeepAlive(b)
}
