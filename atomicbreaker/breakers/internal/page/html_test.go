// SPDX-License-Identifier: Apache-2.0

package page

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// sample returns one view of each kind, with the given text wherever a text can be.
func sample(text string) map[string]any {
	b := Breaker{
		ID: 3, Name: text, Group: text, State: atomicbreaker.Open, Since: noon.Add(-time.Minute), Cause: "tripped",
		LastError: text, RetryAfter: Seconds(time.Second), Failures: 5, Writes: &Writes{Fallback: 12_345, Lost: 2},
		Backlog: &Backlog{Records: 7, Bytes: 1 << 20, Oldest: &noon},
	}
	return map[string]any{
		"overview": Overview{
			At: noon, Counts: States{Closed: 3, Open: 1}, Breakers: []Breaker{b},
			Groups: []Group{{Name: text, Breakers: 2, States: States{Open: 1, Closed: 1}, Writes: &Writes{Lost: 1}}},
		},
		"group": GroupView{At: noon, Group: Group{Name: text, States: States{HalfOpen: 1}, Backlog: b.Backlog}, Breakers: []Breaker{b}},
		"breaker": Detail{
			At: noon, Breaker: b, Options: "failures=5,recovery=30s", Parts: []Part{{Type: text, Batches: &Batches{Records: 4}}},
			Transitions: []Count{{atomicbreaker.Closed, atomicbreaker.Open, "tripped", 1}},
			History:     []Transition{{At: noon.Add(-time.Minute), From: atomicbreaker.Closed, To: atomicbreaker.Open, Cause: "tripped", Generation: 1, Error: text}},
		},
		"gone": Gone{At: noon, What: text},
	}
}

func render(t require.TestingT, q Query, view any) string {
	body, err := AsHTML(q, view, true)
	require.NoError(t, err)
	return string(body)
}

var (
	tag       = regexp.MustCompile(`<[^>]*>`)
	attribute = regexp.MustCompile(`[\w-]+="[^"]*"`)
)

// skeleton returns the tags and the names of the attributes of a document.
func skeleton(document string) string {
	var out strings.Builder
	for _, m := range tag.FindAllString(document, -1) {
		out.WriteString(attribute.ReplaceAllStringFunc(m, func(a string) string {
			name, _, _ := strings.Cut(a, "=")
			return name
		}))
	}
	return out.String()
}

// Whatever a name, an error or a filter contains, the document has the same tags and attributes as
// with a harmless text.
func TestHTML_MarkupStaysText(t *testing.T) {
	for kind := range sample("") {
		t.Run(kind, func(t *testing.T) {
			query := func(text string) Query { return Query{Page: 1, Format: HTML, Name: text, Group: text} }
			want := skeleton(render(t, query("harmless"), sample("harmless")[kind]))
			hostile := []string{
				`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `javascript:alert(1)`,
				`</title></style></script><b>`, `{{.}}`, `?id=1&control=trip`, `&lt;b&gt;`, "a\nb\r\n\ndata: x", "\x00\x1b[31m\u202e",
				`<!--`, `]]>`, `</svg><a href=//evil.example>`, "`${alert(1)}`",
			}
			check := func(t require.TestingT, text string) {
				document := render(t, query(text), sample(text)[kind])
				require.True(t, want == skeleton(document), "%q", text)
			}
			for _, text := range hostile {
				check(t, text)
			}
			rapid.Check(t, func(t *rapid.T) {
				check(t, strings.Join(rapid.SliceOfN(rapid.SampledFrom(hostile), 1, 4).Draw(t, "texts"), ""))
			})
		})
	}
}

func TestHTML_ShowsTheText(t *testing.T) {
	text := `<b> & "c"`
	for kind, view := range sample(text) {
		require.True(t, strings.Contains(html.UnescapeString(render(t, Query{}, view)), text), kind)
	}
	long := strings.Repeat("n", 5000)
	document := render(t, Query{}, Overview{Breakers: []Breaker{{Name: long}}})
	require.False(t, strings.Contains(document, strings.Repeat("n", maxName+1)))
}

// The policy allows exactly the style and the script of the page, by their hashes, so the page has
// no other ones, and no attributes that would be some.
func TestHTML_FitsItsPolicy(t *testing.T) {
	for kind, view := range sample("x") {
		document := render(t, Query{}, view)
		for _, m := range regexp.MustCompile(`(?s)<(style|script)>(.*?)</(?:style|script)>`).FindAllStringSubmatch(document, -1) {
			sum := sha256.Sum256([]byte(m[2]))
			require.Contains(t, Policy(), m[1]+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'", kind)
		}
		body := regexp.MustCompile(`(?s)<(style|script)>.*?</(style|script)>`).ReplaceAllString(document, "")
		require.NotRegexp(t, `(?i)<(style|script)|\sstyle=|\son\w+=|javascript:|https?://`, body, kind)
		for _, m := range regexp.MustCompile(`(?:href|action|data-src)="([^"]*)"`).FindAllStringSubmatch(body, -1) {
			require.Regexp(t, `^(\?|#|data:,)`, m[1], "all links are relative, and only a query")
		}
	}
	require.Contains(t, Policy(), "default-src 'none'")
	require.Contains(t, Policy(), "frame-ancestors 'none'")
	require.NotContains(t, Policy(), "unsafe")
}

func TestHTML_IsAccessible(t *testing.T) {
	for kind, view := range sample("x") {
		document := render(t, Query{Page: 1, Format: HTML}, view)
		assert.Contains(t, document, `<html lang="en">`, kind)
		assert.Equal(t, 1, strings.Count(document, "<h1"), kind)
		assert.Equal(t, 1, strings.Count(document, "<main"), kind)
		assert.Contains(t, document, `name="viewport"`, kind)
		tables := strings.Count(document, "<table role=\"table\"")
		assert.Equal(t, tables, strings.Count(document, "<table"), "%s: a table that is laid out as blocks needs its role", kind)
		assert.Equal(t, tables, strings.Count(document, "<caption"), kind)
		for _, m := range regexp.MustCompile(`<(th|td|tr)\b[^>]*>`).FindAllString(document, -1) {
			assert.Contains(t, m, "role=", kind)
			if strings.HasPrefix(m, "<th") {
				assert.Contains(t, m, "scope=", kind)
			}
		}
		ids := make(map[string]bool)
		for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(document, -1) {
			assert.False(t, ids[m[1]], "%s: id %s twice", kind, m[1])
			ids[m[1]] = true
		}
		for _, m := range regexp.MustCompile(`(?:label for|aria-describedby|aria-labelledby)="([^"]*)"`).FindAllStringSubmatch(document, -1) {
			assert.True(t, ids[m[1]], "%s: no element has the id %s", kind, m[1])
		}
		for _, m := range regexp.MustCompile(`<(input|select)[^>]*>`).FindAllString(document, -1) {
			if !strings.Contains(m, `type="hidden"`) {
				assert.Contains(t, document, `<label for="`+regexp.MustCompile(`id="(\w+)"`).FindStringSubmatch(m)[1], kind)
			}
		}
		if kind != "gone" {
			assert.Contains(t, document, `role="status"`, kind)
			assert.Regexp(t, `class="state (open|half_open)">(open|half-open)<`, document, "%s: a state is a word, and not only a color", kind)
		}
	}
}

func TestHTML_Controls(t *testing.T) {
	view := sample("x")["breaker"]
	with, err := AsHTML(Query{}, view, true)
	require.NoError(t, err)
	without, err := AsHTML(Query{}, view, false)
	require.NoError(t, err)
	for _, name := range ControlNames() {
		require.Contains(t, string(with), `name="control" value="`+name+`"`)
	}
	require.NotContains(t, string(without), "control\"")
	require.NotContains(t, string(without), `method="post"`)
	require.Equal(t, []string{"trip", "reset", "force_open", "force_closed"}, ControlNames())
}

// A fragment is what the document has between the tags of main.
func TestFragment_IsAPartOfTheDocument(t *testing.T) {
	for kind, view := range sample("x") {
		fragment, err := Fragment(Query{Page: 1, Format: HTML}, view, true)
		require.NoError(t, err)
		require.Contains(t, render(t, Query{Page: 1, Format: HTML}, view), string(fragment), kind)
		require.NotContains(t, string(fragment), `<main`, kind)
	}
}

func TestHTML_Pages(t *testing.T) {
	many := Overview{At: noon, Breakers: make([]Breaker, 2*Size+1)}
	q := Query{Page: 2, Format: HTML, State: "closed"}
	document := render(t, q, many)
	require.Contains(t, document, "101 to 200 of 201")
	require.Contains(t, document, `rel="prev" href="?state=closed"`)
	require.Contains(t, document, `rel="next" href="?page=3&amp;state=closed"`)
	require.NotContains(t, render(t, Query{Page: 1}, Overview{Breakers: make([]Breaker, Size)}), "<nav")
	require.Contains(t, render(t, Query{Page: 1, Name: "x"}, Overview{}), "No breaker matches.")
	require.Contains(t, render(t, Query{Page: 1}, Overview{}), "The program has no breakers.")
	require.Contains(t, render(t, Query{Page: 1}, Overview{Groups: []Group{{}}}), "All breakers belong to groups.")
}
