// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers/internal/page"
)

const (
	maxStreams     = 16               // at a time
	streamLasts    = 30 * time.Second // then the browser opens the next one
	streamEvery    = time.Second      // how often the page is compared with what was sent
	streamPatience = 10 * time.Second // how long a write may take
)

// stream sends the page's content as server-sent events, each time that it has changed. It ends
// when shutdown is closed.
//
// A server's WriteTimeout is for requests that are answered at once, so each event gets a deadline
// of its own.
func (h *handler) stream(w http.ResponseWriter, r *http.Request, q page.Query, shutdown <-chan struct{}) {
	if site := r.Header.Get("Sec-Fetch-Site"); site == "cross-site" || site == "same-site" {
		refuse(w, http.StatusForbidden, "a stream for a page of another origin") // it would hold a place
		return
	}
	q.Live = false
	withControls := h.mayControl(r)
	if _, found := h.registry.view(q, time.Now()); !found {
		h.show(w, r, q)
		return
	}
	select {
	case h.streams <- struct{}{}:
		defer func() { <-h.streams }()
	default:
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "%d pages are open: want %[1]d at most", maxStreams)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	s := &eventStream{w: w, control: http.NewResponseController(w)}
	if err := s.control.Flush(); err != nil { // a middleware may hide the method
		refuse(w, http.StatusNotImplemented, "cannot stream: %v", err)
		return
	}
	defer s.end()
	tick := time.NewTicker(streamEvery)
	defer tick.Stop()
	over := time.NewTimer(streamLasts)
	defer over.Stop()
	for {
		now := time.Now()
		view, found := h.registry.view(q, now)
		fragment, err := page.Fragment(q, view, found && withControls)
		if err != nil || s.update(now, fragment) != nil || !found {
			return
		}
		select {
		case <-tick.C:
		case <-over.C:
			return
		case <-shutdown:
			return
		case <-r.Context().Done():
			return
		}
	}
}

// eventStream writes server-sent events.
type eventStream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	sent    []byte // the last fragment
}

// update sends the time, and the fragment if it differs from the last one.
func (s *eventStream) update(now time.Time, fragment []byte) error {
	var out bytes.Buffer
	if s.sent == nil {
		out.WriteString("retry: 1000\n\n")
	}
	now = now.UTC()
	writeEvent(&out, "at", fmt.Sprintf(`{"iso":%q,"text":%q}`, now.Format(time.RFC3339), now.Format("15:04:05 UTC")))
	if !bytes.Equal(fragment, s.sent) {
		writeEvent(&out, "page", string(fragment))
		s.sent = fragment
	}
	err := s.control.SetWriteDeadline(now.Add(streamPatience))
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write(out.Bytes()); err != nil {
		return err
	}
	return s.control.Flush()
}

// end removes the deadline, which would otherwise apply to the next request on the connection.
func (s *eventStream) end() { _ = s.control.SetWriteDeadline(time.Time{}) }

// lines splits data where a browser does.
var lines = strings.NewReplacer("\r\n", "\ndata: ", "\r", "\ndata: ", "\n", "\ndata: ")

// writeEvent writes an event. A line break in data cannot end a line of the event.
func writeEvent(out *bytes.Buffer, name, data string) {
	fmt.Fprintf(out, "event: %s\ndata: %s\n\n", name, lines.Replace(data))
}

// servers knows which servers shut down. It registers with each one at its first request, and does
// not keep it in memory.
type servers struct {
	mu   sync.Mutex
	ends map[weak.Pointer[http.Server]]chan struct{}
}

// shutdownOf returns a channel that is closed when the server of a request shuts down. It is nil if
// the request is not of a server of net/http.
func (s *servers) shutdownOf(r *http.Request) <-chan struct{} {
	server, ok := r.Context().Value(http.ServerContextKey).(*http.Server)
	if !ok {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := weak.Make(server)
	if ends, ok := s.ends[key]; ok {
		return ends
	}
	for other := range s.ends {
		if other.Value() == nil {
			delete(s.ends, other)
		}
	}
	if s.ends == nil {
		s.ends = make(map[weak.Pointer[http.Server]]chan struct{})
	}
	ends := make(chan struct{})
	s.ends[key] = ends
	server.RegisterOnShutdown(sync.OnceFunc(func() { close(ends) }))
	return ends
}
