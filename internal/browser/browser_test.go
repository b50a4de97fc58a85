// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// chromium is the browser that all tests share; nil without one.
var chromium context.Context

func TestMain(m *testing.M) {
	code := func() int {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			program, err := exec.LookPath(name)
			if err != nil {
				continue
			}
			ctx, end, err := launch(program)
			if err != nil {
				fmt.Fprintln(os.Stderr, "start Chromium:", err)
				return 1
			}
			defer end()
			chromium = ctx
			break
		}
		return m.Run()
	}()
	os.Exit(code)
}

// launch starts a browser that reaches only this machine.
func launch(program string) (ctx context.Context, end func(), err error) {
	dir, err := os.MkdirTemp("", "browser")
	if err != nil {
		return nil, nil, err
	}
	allocator, stop := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.UserDataDir(dir), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("host-resolver-rules", "MAP evil.example 127.0.0.1"), // a name that was rebound
	)...)
	ctx, closed := chromedp.NewContext(allocator)
	end = func() {
		closed()
		stop()
		_ = os.RemoveAll(dir)
	}
	if err := chromedp.Do(ctx); err != nil {
		end()
		return nil, nil, err
	}
	return ctx, end, nil
}

// limit bounds the time of a test.
const limit = 2 * time.Minute

// tab is a page in a browser of its own, as far as cookies and caches go.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	requests   []string // the addresses
	complaints []string // of the browser: exceptions, violations of the policy, dialogs
}

// open opens a tab. When the test ends, the tab must have asked only servers for which allowed has
// a prefix of the address.
func open(t *testing.T, allowed ...string) *tab {
	t.Helper()
	if chromium == nil {
		t.Skip("no Chromium: the debug page is not tested in a browser")
	}
	tb := &tab{t: t}
	ctx, cancel := chromedp.NewContext(chromium, chromedp.WithNewBrowserContext(), chromedp.WithListener(tb.listen))
	ctx, stop := context.WithTimeout(ctx, limit)
	tb.ctx = ctx
	t.Cleanup(func() {
		stop()
		cancel()
		tb.mu.Lock()
		defer tb.mu.Unlock()
		for _, address := range tb.requests {
			ok := strings.HasPrefix(address, "data:") || address == "about:blank"
			for _, prefix := range allowed {
				ok = ok || strings.HasPrefix(address, prefix+"/") || strings.HasPrefix(address, prefix+"?")
			}
			assert.True(t, ok, "the page requests %s", address)
		}
	})
	return tb
}

func (tb *tab) listen(ev any) {
	tb.mu.Lock()
	defer tb.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventRequestWillBeSent:
		tb.requests = append(tb.requests, ev.Request.URL)
	case *runtime.EventExceptionThrown:
		tb.complaints = append(tb.complaints, fmt.Sprint("exception: ", ev.ExceptionDetails.Text))
	case *log.EventEntryAdded:
		tb.complaints = append(tb.complaints, string(ev.Entry.Source)+": "+ev.Entry.Text)
	case *page.EventJavascriptDialogOpening:
		tb.complaints = append(tb.complaints, "dialog: "+ev.Message)
	}
}

// hasNoComplaints requires that the browser has found nothing wrong so far.
func (tb *tab) hasNoComplaints() {
	tb.t.Helper()
	tb.mu.Lock()
	defer tb.mu.Unlock()
	require.NotEmpty(tb.t, tb.requests)
	require.Empty(tb.t, tb.complaints)
}

// do runs steps.
func (tb *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	require.NoError(tb.t, chromedp.Do(tb.ctx, steps...))
}

// visit opens an address, and returns the status of the response.
func (tb *tab) visit(address string) int64 {
	tb.t.Helper()
	response, err := chromedp.Run(tb.ctx, chromedp.NavigateResponse(address))
	require.NoError(tb.t, err)
	return response.Status
}

// click clicks an element that leads to another page, and returns the status of the response.
func (tb *tab) click(selector string) int64 {
	tb.t.Helper()
	response, err := chromedp.RunResponse(tb.ctx, chromedp.Click(chromedp.CSS(selector)))
	require.NoError(tb.t, err)
	return response.Status
}

// value evaluates a JavaScript expression, which may be a promise.
func value[T any](tb *tab, expression string) T {
	tb.t.Helper()
	v, err := chromedp.Run(tb.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	require.NoError(tb.t, err, expression)
	return v
}

// until waits for a change of the document that makes an expression true.
func (tb *tab) until(expression string) {
	tb.t.Helper()
	_, err := chromedp.Run(tb.ctx, chromedp.Poll[bool](expression, chromedp.WithPollingMutation(), chromedp.WithPollingTimeout(limit)))
	require.NoError(tb.t, err, expression)
}

// live waits until the page updates itself.
func (tb *tab) live() {
	tb.t.Helper()
	tb.until(`document.getElementById("connection").textContent === "live"`)
}

// serve serves h for the test, and returns the address.
func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server
}
