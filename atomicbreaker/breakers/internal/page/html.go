// SPDX-License-Identifier: Apache-2.0

package page

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"strings"
	"sync"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

//go:embed page.html style.css live.js
var files embed.FS

// assets are what the page consists of, prepared at the first request and not at import.
type assets struct {
	templates *template.Template
	style     template.CSS
	script    template.JS
	policy    string
}

var prepared = sync.OnceValue(func() *assets {
	read := func(name string) string {
		text, err := files.ReadFile(name)
		if err != nil {
			panic(err) // it is embedded
		}
		return string(text)
	}
	a := &assets{
		templates: template.Must(template.New("page").Funcs(functions).Parse(read("page.html"))),
		style:     template.CSS(read("style.css")),
		script:    template.JS(read("live.js")),
	}
	a.policy = strings.Join([]string{
		"default-src 'none'", "style-src " + hash(string(a.style)), "script-src " + hash(string(a.script)),
		"connect-src 'self'", "img-src data:", "form-action 'self'", "base-uri 'none'",
		"frame-ancestors 'none'",
	}, "; ")
	return a
})

// hash returns the source expression of an inline style or script.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Policy returns the Content-Security-Policy of the page. It allows the page's own style and
// script, streams from its own origin, and nothing else.
func Policy() string { return prepared().policy }

// What the buttons of a control do. The name is the value of the form's field.
var controls = []struct{ Name, Label, Effect string }{
	{"trip", "Trip", "Opens the breaker for the recovery timeout."},
	{"reset", "Reset", "Closes the breaker, clears its counts, and ends a forced state."},
	{"force_open", "Force open", "Rejects every call until a reset."},
	{"force_closed", "Force closed", "Admits every call until a reset, whatever the outcomes are."},
}

// ControlNames are the controls.
func ControlNames() (names []string) {
	for _, c := range controls {
		names = append(names, c.Name)
	}
	return names
}

// shown is the data of the templates.
type shown struct {
	Query    Query
	At       time.Time
	Body     string // the template of the view
	Title    string
	View     any
	Page     Paged
	Controls bool
	Gone     bool

	Style  template.CSS
	Script template.JS
}

func newShown(q Query, view any) *shown {
	s := &shown{Query: q, View: view}
	switch v := view.(type) {
	case Overview:
		s.Body, s.At, s.Title = "overview", v.At, "Breakers"
		s.Page = Cut(v.Breakers, q.Page)
	case GroupView:
		s.Body, s.At, s.Title = "group", v.At, Visible(shorten(v.Name, maxName))
		s.Page = Cut(v.Breakers, q.Page)
	case Detail:
		s.Body, s.At, s.Title = "breaker", v.At, Visible(shorten(v.Name, maxName))
	case Gone:
		s.Body, s.At, s.Title, s.Gone = "gone", v.At, "Not found", true
	}
	return s
}

// Gone is the view of a breaker or group that does not exist.
type Gone struct {
	At   time.Time `json:"at"`
	What string    `json:"error"`
}

// AsHTML returns a view as an HTML document, with the controls if they are allowed.
func AsHTML(q Query, view any, withControls bool) ([]byte, error) {
	s := newShown(q, view)
	a := prepared()
	s.Style, s.Script, s.Controls = a.style, a.script, withControls
	return execute("document", s)
}

// Fragment returns the part of the document that a stream replaces. It does not include the time of
// the page, so that it is the same as long as nothing else changes.
func Fragment(q Query, view any, withControls bool) ([]byte, error) {
	s := newShown(q, view)
	s.Controls = withControls
	return execute("fragment", s)
}

func execute(name string, s *shown) ([]byte, error) {
	var out bytes.Buffer
	err := prepared().templates.ExecuteTemplate(&out, name, s)
	return out.Bytes(), err
}

var functions = template.FuncMap{
	"visible":  func(s string) string { return Visible(shorten(s, maxName)) },
	"shown":    Visible,
	"words":    func(s atomicbreaker.State) string { return words(s) },
	"spaced":   spaced,
	"states":   func() []atomicbreaker.State { return severity },
	"controls": func() any { return controls },
	"sentence": sentence,
	"bytes":    bytesOf,
	"plural":   plural,
	"clock":    clock,
	"iso":      func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"age":      func(now, at time.Time) string { return age(now.Sub(at)) },
	"ahead":    func(s Seconds) string { return ahead(time.Duration(s)) },
	"span":     func(s Seconds) string { return span(time.Duration(s)) },
	"timeline": NewTimeline,
	"settings": settings,
	"newest":   newest,
	"made":     made,
	"counters": counters,
	"share":    share,
	"number": func(n any) string {
		switch n := n.(type) {
		case int:
			return number(n)
		case int64:
			return number(n)
		case uint32:
			return number(n)
		case uint64:
			return number(n)
		}
		return ""
	},
}
