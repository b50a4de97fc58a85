// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers/internal/page"
)

// HandlerOption configures the handler of [Registry.Handler]. If an option is repeated, the last
// one wins.
type HandlerOption func(*handler)

// handler serves the debug page of a registry.
type handler struct {
	registry  *Registry
	authorize func(*http.Request) bool // nil: read-only
	hosts     []string                 // allowed in addition to localhost and IP addresses
	origin    *http.CrossOriginProtection
	streams   chan struct{} // has an element for each stream that is open
	servers   servers
}

// Handler returns a debug page of the breakers of r. Mount it where only operators reach it:
//
//	mux.Handle("/debug/breakers", breakers.Default.Handler())
//
// All links and forms of the page are relative and consist only of a query, and the handler ignores
// the path. So it works under any pattern, with or without a trailing slash, and with or without
// [http.StripPrefix]. The pattern must not restrict the method if the page has controls.
//
// # What it shows
//
// The page lists the breakers, the worst first: the state and how long it has lasted, the cause and
// the last error, when the next probe is due, the failures, and what the attached parts have
// counted. The breakers of a [Group] are one row, with a page of its own. Each breaker has a page
// with its last transitions as a timeline and a table, the counts of all transitions, its parts,
// and its options. A page has at most 100 breakers.
//
// The page needs no JavaScript. With JavaScript it updates itself each second through server-sent
// events. A stream of events ends after 30 s, when the browser opens the next one, or at once when
// the server shuts down. A handler has at most 16 streams at a time; further pages do not update
// themselves until one ends.
//
// The query selects what is shown:
//
//	id      the breaker with this [Entry.ID]
//	group   the group of this name
//	name    only breakers whose name contains this, ignoring case; includes those of groups
//	state   only breakers in this state: open, half_open, forced_open, forced_closed or closed
//	page    the number of the page; only in HTML
//	format  html (the default), json or text
//
// A bad value gets 400 and an error that names it. A breaker that is gone gets 404.
//
// # JSON and text
//
// With id, these formats describe a breaker, with group a group and its breakers, and otherwise all
// breakers and groups that the query selects. They are not split into pages. Times have the form of
// RFC 3339 in UTC, durations are in seconds.
//
// The text format has a line for each object: its kind and then its fields as name=value. A field
// of an inner object has the name of that object and a dot in front, as in writes.lost. Fields that
// are null are left out. A value is quoted as in Go unless it consists of letters, digits and
// -_.:/+*%@,() so that a line is always one line of printable characters.
//
//	overview    at, counts (of all breakers, by state), breakers, groups
//	breaker     id, name, group, state, probe_due, since, cause (of the last transition), last_error,
//	            retry_after_seconds, failures, attempt, generation, half_open_calls,
//	            half_open_successes, transitions_total, not_closed_seconds, writes, backlog;
//	            with id also at, options, parts, transitions, history
//	group       name, breakers_total, counts, probes_due, retry_after_seconds, failures, attempt,
//	            transitions_total, not_closed_seconds, evicted, overflowed, writes, backlog;
//	            with group also at, breakers
//	part        type, writes, batches, backlog
//	transition  from, to, cause, count
//	history     at, from, to, cause, generation, failures, attempt, error
//	writes      fallback, lost, rejected, failed, panicked, busy, record_errors, slow, torn,
//	            fallback_torn, late, outages
//	batches     records, batches, waiting_bytes, overflowed
//	backlog     records, bytes, oldest, appended, replayed, repeated, dropped, corrupt
//	error       at, error; with status 404
//
// The fields mean what those of [Entry], [Total] and [Part] mean. The writes and the backlog of a
// breaker are sums over its parts, and null if no part has any. A later version may add fields, but
// does not rename or remove them.
//
// # Who may see it
//
// Without [WithControl] the page is read-only. It shows names and errors to everyone who reaches
// it, so restrict access as for net/http/pprof. From errors, it cuts the queries, fragments and
// users of URLs, and everything after 500 bytes. Other secrets in an error are shown.
//
// A request gets 403 unless its Host is localhost, an IP address or one of [WithHosts]. Otherwise
// the page of an attacker, whose host name resolves to this server, could read this page (DNS
// rebinding). The responses forbid browsers to frame or cache them and to load anything from
// elsewhere.
func (r *Registry) Handler(opts ...HandlerOption) http.Handler {
	h := &handler{registry: r, origin: http.NewCrossOriginProtection(), streams: make(chan struct{}, maxStreams)}
	for _, opt := range opts {
		opt(h)
	}
	return h
}

// WithHosts allows requests for further hosts than localhost and IP addresses, such as
// "admin.example.com". A host has no port; every port is allowed. WithHosts panics if a host is not
// a host name.
func WithHosts(hosts ...string) HandlerOption {
	allowed := make([]string, len(hosts))
	for i, host := range hosts {
		if host == "" || strings.ContainsAny(host, ":/@?# \t") {
			panic(fmt.Sprintf("breakers: WithHosts: %q: want a host name without scheme and port", host))
		}
		allowed[i] = strings.ToLower(strings.TrimSuffix(host, "."))
	}
	return func(h *handler) { h.hosts = allowed }
}

// ServeHTTP answers a request. The checks come first, so that no response tells a foreign page
// anything.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeaders(w.Header())
	shutdown := h.servers.shutdownOf(r)
	if !h.allowsHost(r.Host) {
		refuse(w, http.StatusForbidden, "host %q is not allowed: want localhost, an IP address, or a host of WithHosts", r.Host)
		return
	}
	q, err := page.ParseQuery(r.URL.RawQuery)
	if err != nil {
		refuse(w, http.StatusBadRequest, "%v", err)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if r.URL.Query().Has("control") {
			h.refuseMethod(w, "GET")
		} else if q.Live {
			h.stream(w, r, q, shutdown)
		} else {
			h.show(w, r, q)
		}
	case http.MethodPost:
		if h.authorize == nil {
			h.refuseMethod(w, r.Method)
			return
		}
		h.control(w, r, q)
	default:
		h.refuseMethod(w, r.Method)
	}
}

func setHeaders(header http.Header) {
	header.Set("Content-Security-Policy", page.Policy())
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// refuse answers with an error in plain text.
func refuse(w http.ResponseWriter, status int, format string, args ...any) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, page.Visible("breakers: "+fmt.Sprintf(format, args...)))
}

func (h *handler) refuseMethod(w http.ResponseWriter, method string) {
	allowed := "GET, HEAD"
	if h.authorize != nil {
		allowed += ", POST"
	}
	w.Header().Set("Allow", allowed)
	refuse(w, http.StatusMethodNotAllowed, "method %q is not allowed here: want POST for a control, and GET or HEAD for all else", method)
}

// show answers with a view in the format of the query.
func (h *handler) show(w http.ResponseWriter, r *http.Request, q page.Query) {
	view, found := h.registry.view(q, time.Now())
	body, contentType, err := render(q, view, found && h.mayControl(r))
	if err != nil {
		refuse(w, http.StatusInternalServerError, "%v", err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	if !found {
		w.WriteHeader(http.StatusNotFound)
	}
	_, _ = w.Write(body)
}

func render(q page.Query, view any, withControls bool) (body []byte, contentType string, err error) {
	switch q.Format {
	case page.JSON:
		body, err = page.AsJSON(view)
		return body, "application/json", err
	case page.Text:
		return page.AsText(view), "text/plain; charset=utf-8", nil
	default:
		body, err = page.AsHTML(q, view, withControls)
		return body, "text/html; charset=utf-8", err
	}
}
