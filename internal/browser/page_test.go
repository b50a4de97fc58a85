// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
)

// A trip shows on the page without a reload, moves the row to the top, and the focus with it.
// After the connection is cut, the page connects again.
func TestPage_Live(t *testing.T) {
	r := breakers.NewRegistry()
	archive, loki := r.MustNew("archive"), r.MustNew("loki", atomicbreaker.WithRecoveryTimeout(time.Hour))
	server := serve(t, r.Handler())
	tb := open(t, server.URL)
	require.EqualValues(t, 200, tb.visit(server.URL))
	tb.live()
	require.Equal(t, "archive", value[string](tb, `document.querySelector("tbody tr a").textContent`))
	value[bool](tb, `window.before = document.querySelectorAll("tbody tr")[1]; before.querySelector("a").focus(); true`)

	_ = loki.Do(func() error { return errors.New("503") })
	loki.Trip()
	tb.until(`document.querySelector("h1").textContent === "2 breakers: 1 open, 1 closed"`)
	require.Equal(t, "loki", value[string](tb, `document.querySelector("tbody tr a").textContent`))
	require.Equal(t, "loki", value[string](tb, `document.activeElement.textContent`))
	require.True(t, value[bool](tb, `window.before === document.querySelector("tbody tr")`), "the row moved, and is not a new one")
	require.Equal(t, "open", value[string](tb, `document.querySelector("tbody .state").textContent`))

	server.CloseClientConnections()
	loki.Reset()
	tb.until(`document.querySelector("h1").textContent === "2 breakers, all closed"`)
	tb.live()
	tb.mu.Lock()
	for _, complaint := range tb.complaints {
		require.Contains(t, complaint, "network:", "only the cut connection")
	}
	tb.mu.Unlock()
	runtime.KeepAlive(archive)
}

// gone are the elements that the page had at first and has no more.
const gone = `before.filter((e) => !e.isConnected).map((e) => e.outerHTML)`

// What a person has typed, but not sent, survives an update, and so do the elements that stay.
func TestPage_AnUpdateKeepsWhatIsThere(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	server := serve(t, r.Handler(breakers.WithControl(everyone)))
	tb := open(t, server.URL)
	_, err := chromedp.Call(tb.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `addEventListener("DOMContentLoaded", () => before = [...document.querySelectorAll("main, h1, form, form *, svg, table, tr, th")])`,
	})
	require.NoError(t, err)
	tb.visit(server.URL)
	tb.do(chromedp.SendKeys(chromedp.CSS("#name"), "arch"))
	b.Trip()
	tb.until(`document.querySelector("h1").textContent === "1 breaker: 1 open"`)
	require.Empty(t, value[[]string](tb, gone))
	require.Equal(t, "arch", value[string](tb, `document.activeElement.value`))

	tb.visit(fmt.Sprintf("%s/?id=%d", server.URL, id(t, r, b)))
	tb.do(chromedp.Focus(chromedp.CSS(`button[value="reset"]`)))
	b.Reset()
	tb.until(`document.querySelector("h1 .state").textContent === "closed"`)
	require.Empty(t, value[[]string](tb, gone))
	require.Equal(t, "reset", value[string](tb, `document.activeElement.value`))
	tb.hasNoComplaints()
}

// A page that is open does not hold Shutdown, which would otherwise wait for the stream to end.
func TestPage_DoesNotHoldShutdown(t *testing.T) {
	server := serve(t, breakers.NewRegistry().Handler())
	tb := open(t, server.URL)
	tb.visit(server.URL)
	tb.live()
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Second)
	defer cancel()
	require.NoError(t, server.Config.Shutdown(ctx))
}

// What a name, a group's key or an error has in it is shown as it is.
func TestPage_MarkupStaysText(t *testing.T) {
	const evil = `<img src=x onerror="hacked=1"><script>hacked=1</script>"'><svg onload=hacked=1></title>`
	r := breakers.NewRegistry()
	b := r.MustNew(evil, atomicbreaker.WithFailureThreshold(1))
	g := breakers.NewGroup[string](r, 8, nil, breakers.WithGroupName(evil))
	g.Get(evil).Trip()
	_ = b.Do(func() error { return errors.New(evil + "\r\n\r\nevent: page\ndata: <b>") })
	server := serve(t, r.Handler())
	tb := open(t, server.URL)
	tb.visit(server.URL)
	tb.live()
	require.Equal(t, evil, value[string](tb, `document.querySelector("#b`+fmt.Sprint(id(t, r, b))+` a").textContent`))
	tb.click("table.breakers a")
	tb.live()
	require.Equal(t, evil+" · Breakers", value[string](tb, `document.title`))
	require.Contains(t, value[string](tb, `document.querySelector(".lead").textContent`), evil+`\r\n\r\nevent: page\ndata: <b>`)
	b.Reset()
	tb.until(`document.querySelector("h1 .state").textContent === "closed"`) // the stream has it too
	tb.click("header a")
	tb.click("table.groups a")
	tb.live()
	require.Contains(t, value[string](tb, `document.querySelector("tbody a").textContent`), evil+"/"+evil)
	require.Equal(t, "undefined", value[string](tb, `typeof hacked`))
	tb.hasNoComplaints()
	runtime.KeepAlive(g)
}

func id(t *testing.T, r *breakers.Registry, b *atomicbreaker.Breaker) uint64 {
	t.Helper()
	for e := range r.All() {
		if e.Breaker == b {
			return e.ID
		}
	}
	require.Fail(t, "the registry does not have the breaker")
	return 0
}

// Without JavaScript the page has the same content, and the filter and the controls work.
func TestPage_WithoutJavaScript(t *testing.T) {
	r := breakers.NewRegistry()
	b, other := r.MustNew("loki"), r.MustNew("archive")
	server := serve(t, r.Handler(breakers.WithControl(everyone)))
	tb := open(t, server.URL)
	_, err := chromedp.Call(tb.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
	require.NoError(t, err)
	tb.visit(server.URL)
	text := func(selector string) string {
		all, err := chromedp.Run(tb.ctx, chromedp.TextContent(chromedp.CSS(selector)))
		require.NoError(t, err)
		return all
	}
	require.Equal(t, "2 breakers, all closed", text("h1"))
	require.Contains(t, text("footer"), "Reload the page")
	tb.do(chromedp.SendKeys(chromedp.CSS("#name"), "LOK"))
	require.EqualValues(t, 200, tb.click(".filter button"))
	require.NotContains(t, text("tbody"), "archive")
	tb.click("tbody a")
	require.EqualValues(t, 200, tb.click(`button[value="trip"]`))
	require.Equal(t, atomicbreaker.Open, b.State())
	require.Equal(t, "open", text("h1 .state"))
	require.Contains(t, text(".history"), "tripped")
	tb.mu.Lock()
	for _, address := range tb.requests {
		require.NotContains(t, address, "live=")
	}
	tb.mu.Unlock()
	runtime.KeepAlive(other)
}

// With the keyboard alone: the first stop is the link to the content, and each control, field and
// link can be reached and shows that it has the focus.
func TestPage_Keyboard(t *testing.T) {
	r := breakers.NewRegistry()
	b := r.MustNew("loki")
	server := serve(t, r.Handler(breakers.WithControl(everyone)))
	tb := open(t, server.URL)
	for _, address := range []string{server.URL, fmt.Sprintf("%s/?id=%d", server.URL, id(t, r, b))} {
		tb.visit(address)
		var stops []string
		for range 20 {
			tb.do(chromedp.KeyEvent(kb.Tab))
			stop := value[string](tb, `document.activeElement === document.body ? "" : document.activeElement.textContent || document.activeElement.name`)
			if stop == "" {
				break
			}
			stops = append(stops, stop)
			require.NotEqual(t, "0px", value[string](tb, `getComputedStyle(document.activeElement).outlineWidth`), stop)
		}
		require.Equal(t, "Skip to the content", stops[0])
		require.Len(t, stops, value[int](tb, `document.querySelectorAll("a, input, select, button").length`), strings.Join(stops, ", "))
	}
	tb.do(chromedp.Focus(chromedp.CSS(`button[value="force_open"]`)))
	_, err := chromedp.RunResponse(tb.ctx, chromedp.KeyEvent(kb.Enter))
	require.NoError(t, err)
	require.Equal(t, atomicbreaker.ForcedOpen, b.State())
}
