// SPDX-License-Identifier: Apache-2.0

package breakers

import (
	"fmt"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers/internal/page"
)

// view returns what a query selects, or false and why there is nothing.
func (r *Registry) view(q page.Query, now time.Time) (view any, found bool) {
	now = now.UTC()
	if q.ID != 0 {
		if e, ok := r.ByID(q.ID); ok {
			return detailOf(e, now), true
		}
		return page.Gone{At: now, What: fmt.Sprintf("There is no breaker with the ID %d.", q.ID)}, false
	}
	if q.Group != "" {
		return r.groupView(q, now)
	}
	return r.overview(q, now), true
}

// overview lists the breakers that q selects: those without a group or, if q has a name, all.
func (r *Registry) overview(q page.Query, now time.Time) page.Overview {
	o := page.Overview{At: now, Breakers: []page.Breaker{}, Groups: []page.Group{}}
	for e := range r.All() {
		o.Counts.Add(e.Snapshot.State, 1)
		if (e.Group == "" || q.Name != "") && q.Shows(e.Name, e.Snapshot.State) {
			o.Breakers = append(o.Breakers, breakerOf(e))
		}
	}
	page.Sort(o.Breakers)
	for _, t := range r.Totals() {
		if !t.Group {
			continue
		}
		if g := groupOf(t); q.ShowsGroup(&g) {
			o.Groups = append(o.Groups, g)
		}
	}
	page.SortGroups(o.Groups)
	return o
}

// groupView lists the breakers of a group that q selects.
func (r *Registry) groupView(q page.Query, now time.Time) (view any, found bool) {
	v := page.GroupView{At: now, Breakers: []page.Breaker{}}
	for _, t := range r.Totals() {
		if t.Group && t.Name == q.Group {
			v.Group, found = groupOf(t), true
		}
	}
	if !found {
		return page.Gone{At: now, What: fmt.Sprintf("There is no group with the name %.200q.", q.Group)}, false
	}
	for e := range r.All() {
		if e.Group == q.Group && q.Shows(e.Name, e.Snapshot.State) {
			v.Breakers = append(v.Breakers, breakerOf(e))
		}
	}
	page.Sort(v.Breakers)
	return v, true
}

func breakerOf(e Entry) page.Breaker {
	b := page.Breaker{
		ID: e.ID, Name: e.Name, Group: e.Group,
		State: e.Snapshot.State, ProbeDue: e.Snapshot.ProbeDue, Since: e.Since.UTC(),
		LastError: page.Shown(e.LastError), RetryAfter: page.Seconds(e.RetryAfter),
		Failures: e.Snapshot.Failures, Attempt: e.Snapshot.Attempt, Generation: e.Snapshot.Generation,
		HalfOpenCalls: e.Snapshot.HalfOpenCalls, HalfOpenSuccesses: e.Snapshot.HalfOpenSuccesses,
		Total: e.Transitions.Sum(), NotClosed: page.Seconds(e.NotClosed),
	}
	if n := len(e.History); n > 0 {
		b.Cause = e.History[n-1].Cause.String()
	}
	var sums partSums
	for _, p := range e.Parts {
		sums.addPart(&p)
	}
	b.Writes, b.Backlog = partsOf(&sums)
	return b
}

// partsOf converts the sums of parts.
func partsOf(sums *partSums) (w *page.Writes, b *page.Backlog) {
	if sums.writes != nil {
		w = page.WritesOf(*sums.writes)
	}
	if sums.backlog != nil {
		b = page.BacklogOf(*sums.backlog)
	}
	return w, b
}

func groupOf(t Total) page.Group {
	g := page.Group{
		Name: t.Name, Breakers: t.Breakers, ProbesDue: t.ProbesDue,
		RetryAfter: page.Seconds(t.RetryAfter), Failures: t.Failures, Attempt: t.Attempt,
		Total: t.Transitions.Sum(), NotClosed: page.Seconds(t.NotClosed),
		Evicted: t.Evicted, Overflowed: t.Overflowed,
	}
	for s, n := range t.States {
		g.States.Add(atomicbreaker.State(s), n)
	}
	g.Writes, g.Backlog = partsOf(&partSums{writes: t.Writes, backlog: t.Backlog})
	return g
}

func detailOf(e Entry, now time.Time) page.Detail {
	d := page.Detail{
		At: now, Breaker: breakerOf(e), Options: e.Breaker.Config().String(),
		Parts: []page.Part{}, History: []page.Transition{},
	}
	for _, p := range e.Parts {
		part := page.Part{Type: p.Type}
		part.Writes, part.Backlog = partsOf(&partSums{writes: p.Writes, backlog: p.Backlog})
		if p.Batches != nil {
			batches := page.Batches(*p.Batches)
			part.Batches = &batches
		}
		d.Parts = append(d.Parts, part)
	}
	for kind, n := range e.Transitions.All() {
		d.Transitions = append(d.Transitions, page.Count{
			From: kind.From, To: kind.To, Cause: kind.Cause.String(), Count: n,
		})
	}
	for _, t := range e.History {
		d.History = append(d.History, page.Transition{
			At: t.At.UTC(), From: t.From, To: t.To, Cause: t.Cause.String(), Generation: t.Generation,
			Failures: t.Failures, Attempt: t.Attempt, Error: page.Shown(t.Err),
		})
	}
	return d
}
