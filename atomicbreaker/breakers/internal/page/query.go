// SPDX-License-Identifier: Apache-2.0

package page

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// The formats of the page.
const (
	HTML = "html"
	JSON = "json"
	Text = "text"
)

// Query is what a URL selects. All of it is in the query part of the URL, and all links of the page
// consist only of a query part, so the page works under any path.
type Query struct {
	ID     uint64 // of the breaker to show; 0: none
	Group  string // the group to show
	Name   string // show only breakers whose name contains this, in any case
	State  string // show only breakers in this state; empty: all
	Page   int    // 1 is the first
	Format string
	Live   bool // a stream of updates
}

// StateNames are the states in the order of [Sort], as in JSON.
func StateNames() (names []string) {
	for _, s := range severity {
		names = append(names, s.String())
	}
	return names
}

// ParseQuery reads the query part of a URL. It ignores parameters that it does not know.
func ParseQuery(raw string) (q Query, err error) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return q, err
	}
	q = Query{Page: 1, Format: HTML, Group: values.Get("group"), Name: values.Get("name"), Live: values.Has("live")}
	if s := values.Get("id"); s != "" {
		if q.ID, err = strconv.ParseUint(s, 10, 64); err != nil || q.ID == 0 {
			return q, fmt.Errorf("id %s: want a number of 1 or more", quote(s))
		}
	}
	if s := values.Get("page"); s != "" {
		if q.Page, err = strconv.Atoi(s); err != nil || q.Page < 1 {
			return q, fmt.Errorf("page %s: want a number of 1 or more", quote(s))
		}
	}
	if s := values.Get("state"); s != "" {
		if names := StateNames(); !slices.Contains(names, s) {
			return q, fmt.Errorf("state %s: want %s", quote(s), Choices(names))
		}
		q.State = s
	}
	if values.Has("format") {
		q.Format = values.Get("format")
		if formats := []string{HTML, JSON, Text}; !slices.Contains(formats, q.Format) {
			return q, fmt.Errorf("format %s: want %s", quote(q.Format), Choices(formats))
		}
	}
	return q, nil
}

// quote quotes a value of an error, cut to a sensible length.
func quote(s string) string { return strconv.Quote(shorten(s, 100)) }

// Choices lists names for an error.
func Choices(names []string) string {
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// String returns the relative URL of q.
func (q Query) String() string {
	values := url.Values{}
	set := func(name, value string) {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.ID != 0 {
		set("id", strconv.FormatUint(q.ID, 10))
	}
	set("group", q.Group)
	set("name", q.Name)
	set("state", q.State)
	if q.Page > 1 {
		set("page", strconv.Itoa(q.Page))
	}
	if q.Format != HTML {
		set("format", q.Format)
	}
	if q.Live {
		set("live", "1")
	}
	return "?" + values.Encode()
}

// In returns q in another format.
func (q Query) In(format string) Query { q.Format = format; return q }

// Stream returns the query of q's updates.
func (q Query) Stream() Query { q.Live = true; return q }

// Select returns the query of the breakers in a state, or of all.
func (q Query) Select(state string) Query { q.State, q.Page = state, 1; return q }

// Named returns the query of the breakers whose name contains a text.
func (q Query) Named(name string) Query { q.Name = name; return q }

// To returns the query of another page.
func (q Query) To(number int) Query { q.Page = number; return q }

// Filtered reports whether q shows only some breakers.
func (q Query) Filtered() bool { return q.Name != "" || q.State != "" }

// Shows reports whether q selects a breaker of that name and state.
func (q Query) Shows(name string, state atomicbreaker.State) bool {
	return q.ShowsName(name) && (q.State == "" || q.State == state.String())
}

// ShowsName reports whether q selects the name.
func (q Query) ShowsName(name string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(q.Name))
}

// ShowsGroup reports whether q selects a group.
func (q Query) ShowsGroup(g *Group) bool {
	if !q.ShowsName(g.Name) {
		return false
	}
	for _, s := range severity {
		if q.State == s.String() {
			return g.States.Of(s) > 0
		}
	}
	return true
}
