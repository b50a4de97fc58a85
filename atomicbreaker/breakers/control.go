// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"net/http"
	"slices"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers/internal/page"
)

// maxForm is the largest body of a control, in bytes.
const maxForm = 4 << 10

// WithControl adds controls to the page of a breaker: trip, reset, force open and force closed. The
// breaker's history shows them, with the causes tripped, reset and forced. The handler logs
// nothing, because the program's logger may be the one that the breaker guards; authorize can,
// through another one.
//
// A control is a POST request with the form field control, which the handler accepts if authorize
// returns true for it, and if the browser that sent it, if any, was on this page
// (see [http.CrossOriginProtection]). The handler also calls authorize with GET requests, to decide
// whether to show the controls. authorize must be safe for concurrent use, and should not rely on
// the address alone: behind a proxy, all requests come from the proxy. If authorize is nil,
// there are no controls.
func WithControl(authorize func(*http.Request) bool) HandlerOption {
	return func(h *handler) { h.authorize = authorize }
}

// operations are what the controls call.
var operations = map[string]func(*atomicbreaker.Breaker){
	"trip":         (*atomicbreaker.Breaker).Trip,
	"reset":        (*atomicbreaker.Breaker).Reset,
	"force_open":   (*atomicbreaker.Breaker).ForceOpen,
	"force_closed": (*atomicbreaker.Breaker).ForceClosed,
}

// mayControl reports whether to show the controls.
func (h *handler) mayControl(r *http.Request) bool { return h.authorize != nil && h.authorize(r) }

// control changes a breaker and sends the browser back to its page.
func (h *handler) control(w http.ResponseWriter, r *http.Request, q page.Query) {
	if err := h.origin.Check(r); err != nil {
		refuse(w, http.StatusForbidden, "%v", err)
		return
	}
	if !h.authorize(r) {
		refuse(w, http.StatusForbidden, "this user may not control breakers")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		refuse(w, http.StatusBadRequest, "form: %v", err)
		return
	}
	if q.ID == 0 {
		refuse(w, http.StatusBadRequest, "control without id: want the ID of a breaker in the query")
		return
	}
	name := r.PostForm.Get("control")
	names := page.ControlNames()
	if !slices.Contains(names, name) {
		refuse(w, http.StatusBadRequest, "control %.100q: want %s", name, page.Choices(names))
		return
	}
	e, ok := h.registry.ByID(q.ID)
	if !ok {
		h.show(w, r, q)
		return
	}
	operations[name](e.Breaker)
	// The redirect is relative: the path that the browser knows may not be that of this request.
	w.Header().Set("Location", page.Query{ID: q.ID, Page: 1, Format: page.HTML}.String())
	w.WriteHeader(http.StatusSeeOther)
}
