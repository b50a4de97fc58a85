// SPDX-License-Identifier: Apache-2.0

package browser

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/internal/browser/scene"
)

// look is a way in which a person sees the page.
type look struct {
	scheme        string
	width, height int64
}

var looks = map[string]look{
	"light": {"light", 1280, 800}, "dark": {"dark", 1280, 800},
	"phone": {"light", 360, 740}, "phone-dark": {"dark", 360, 740}, "tablet": {"light", 820, 1100},
}

func (tb *tab) wear(l look) {
	tb.t.Helper()
	_, err := chromedp.Call(tb.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: l.scheme}},
	})
	require.NoError(tb.t, err)
	tb.do(chromedp.EmulateViewport(l.width, l.height))
}

// shoot keeps a screenshot of the whole page in the directory that SCREENSHOTS names, if it is set.
func (tb *tab) shoot(name string) {
	tb.t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	image, err := chromedp.Run(tb.ctx, chromedp.FullScreenshot(100))
	require.NoError(tb.t, err)
	require.NoError(tb.t, os.WriteFile(filepath.Join(dir, name+".png"), image, 0o600))
}

// made returns the scene, which lives as long as the test.
func made(t *testing.T) *scene.Scene {
	t.Helper()
	s := scene.New(10 * time.Millisecond)
	t.Cleanup(func() { runtime.KeepAlive(s) })
	return s
}

// pages are the pages of the scene.
func pages(t *testing.T, s *scene.Scene) map[string]string {
	t.Helper()
	return map[string]string{
		"overview": "", "group": "?group=tenants", "gone": "?id=999999999",
		"breaker": fmt.Sprintf("?id=%d", id(t, s.Registry, s.Breaker("loki"))),
	}
}

// contrasts returns the least contrast ratio of the texts that the page shows, and the text.
const contrasts = `(() => {
  const parse = (c) => c.match(/[\d.]+/g).map(Number);
  const light = (c) => parse(c).slice(0, 3).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const back = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (parse(c)[3] !== 0) return c;
    }
    throw new Error("no background");
  };
  let least = [100, ""];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let n; (n = walker.nextNode());) {
    const e = n.parentElement;
    if (!n.data.trim() || !e.checkVisibility() || ["SCRIPT", "NOSCRIPT"].includes(e.tagName)) continue;
    const style = getComputedStyle(e);
    const [a, b] = [light(e.namespaceURI.endsWith("svg") ? style.fill : style.color), light(back(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < least[0]) least = [ratio, e.outerHTML.slice(0, 200)];
  }
  return {ratio: least[0], of: least[1]};
})()`

// In each look, nothing is wider than the screen, and all text has the contrast of WCAG 2.2 AA.
func TestLook(t *testing.T) {
	s := made(t)
	server := serve(t, s.Registry.Handler(breakers.WithControl(everyone)))
	tb := open(t, server.URL)
	backgrounds := make(map[string]bool)
	for page, query := range pages(t, s) {
		for name, l := range looks {
			tb.wear(l)
			tb.visit(server.URL + "/" + query)
			if page != "gone" {
				tb.live()
			}
			require.LessOrEqual(t, value[int64](tb, `document.documentElement.scrollWidth`), l.width, "%s in %s", page, name)
			least := value[struct {
				Ratio float64
				Of    string
			}](tb, contrasts)
			require.GreaterOrEqual(t, least.Ratio, 4.5, "%s in %s: %s", page, name, least.Of)
			backgrounds[l.scheme+value[string](tb, `getComputedStyle(document.documentElement).backgroundColor`)] = true
			tb.shoot(page + "-" + name)
		}
	}
	require.Equal(t, map[string]bool{"lightrgb(250, 250, 249)": true, "darkrgb(17, 19, 21)": true}, backgrounds)
}

// A screen reader gets tables with headers, a main part, named controls, and a status that speaks
// when it changes. This also holds on a phone, where the rows are laid out as blocks.
func TestLook_ForAScreenReader(t *testing.T) {
	s := made(t)
	server := serve(t, s.Registry.Handler(breakers.WithControl(everyone)))
	for _, name := range []string{"light", "phone"} {
		for page, want := range map[string]map[string]int{
			"overview": {"main": 1, "heading": 1, "status": 1, "search": 1, "searchbox": 1, "combobox": 1, "button": 1, "table": 2, "columnheader": 20, "rowheader": 11},
			"breaker":  {"main": 1, "heading": 1, "status": 1, "form": 1, "button": 4, "image": 1, "table": 5},
		} {
			tb := open(t, server.URL)
			tb.wear(looks[name])
			tb.visit(server.URL + "/" + pages(t, s)[page])
			tree, err := chromedp.Call(tb.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
			require.NoError(t, err)
			roles := make(map[string]int)
			for _, node := range tree.Nodes {
				if node.Ignored || node.Role == nil {
					continue
				}
				role := text(node.Role)
				roles[role]++
				switch role {
				case "table", "button", "link", "searchbox", "combobox", "image", "form", "search":
					require.NotEmpty(t, text(node.Name), "%s of %s in %s has no name", role, page, name)
				}
			}
			for role, n := range want {
				require.Equal(t, n, roles[role], "%s of %s in %s: %v", role, page, name, roles)
			}
		}
	}
}

func text(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	var s string
	_ = json.Unmarshal([]byte(v.Value), &s)
	return s
}

// A thousand breakers are a hundred on a page, and a search finds one.
func TestLook_AThousandBreakers(t *testing.T) {
	s := made(t)
	s.Add(1000)
	server := serve(t, s.Registry.Handler())
	tb := open(t, server.URL)
	tb.wear(looks["light"])
	tb.visit(server.URL)
	tb.live()
	require.Equal(t, 100, value[int](tb, `document.querySelectorAll(".breakers tbody tr").length`))
	require.Contains(t, value[string](tb, `document.querySelector("caption").textContent`), "1 to 100 of 1,010")
	tb.shoot("thousand")
	tb.click(`a[rel="next"]`)
	require.Contains(t, value[string](tb, `document.querySelector("caption").textContent`), "101 to 200 of 1,010")
	tb.do(chromedp.SendKeys(chromedp.CSS("#name"), "shard-777"))
	tb.click(".filter button")
	require.Equal(t, "shard-777", value[string](tb, `document.querySelector(".breakers tbody").textContent.trim().split("\n")[0]`))
	require.Equal(t, 1, value[int](tb, `document.querySelectorAll(".breakers tbody tr").length`))
	tb.live()
	tb.hasNoComplaints()
}
