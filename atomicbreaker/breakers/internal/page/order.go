// SPDX-License-Identifier: Apache-2.0

package page

import (
	"cmp"
	"slices"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// severity lists the states, the worst first.
var severity = []atomicbreaker.State{
	atomicbreaker.Open, atomicbreaker.HalfOpen, atomicbreaker.ForcedOpen, atomicbreaker.ForcedClosed,
	atomicbreaker.Closed,
}

// rank is smaller for a worse state.
func rank(s atomicbreaker.State) int { return slices.Index(severity, s) }

// Sort sorts breakers, the worst first: by state, then those that are not closed by the time since
// when, the closed ones by their failures, and all by name. The counts of records are left out,
// because they change all the time, and rows should not jump.
func Sort(breakers []Breaker) {
	slices.SortFunc(breakers, func(a, b Breaker) int {
		c := cmp.Compare(rank(a.State), rank(b.State))
		switch {
		case c != 0:
		case a.State == atomicbreaker.Closed:
			c = cmp.Compare(b.Failures, a.Failures)
		default:
			c = a.Since.Compare(b.Since)
		}
		return cmp.Or(c, cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

// SortGroups sorts groups, the worst first: by the worst state, by how many breakers are in it, and
// by name.
func SortGroups(groups []Group) {
	slices.SortFunc(groups, func(a, b Group) int {
		worst := a.Worst()
		return cmp.Or(
			cmp.Compare(rank(worst), rank(b.Worst())),
			cmp.Compare(b.States.Of(worst), a.States.Of(worst)),
			cmp.Compare(a.Name, b.Name),
		)
	})
}

// Worst returns the worst state of the group's breakers.
func (g *Group) Worst() atomicbreaker.State {
	for _, s := range severity {
		if g.States.Of(s) > 0 {
			return s
		}
	}
	return atomicbreaker.Closed
}

// Size is how many breakers a page shows.
const Size = 100

// Paged is one page of a table.
type Paged struct {
	Breakers            []Breaker
	Number, Pages       int
	First, Last, Amount int // which rows, and how many there are in all
}

// Cut returns the page of that number, or the last one if there are fewer pages: breakers come and
// go, so a link may be out of date.
func Cut(all []Breaker, number int) Paged {
	pages := max(1, (len(all)+Size-1)/Size)
	number = min(max(number, 1), pages)
	from, to := (number-1)*Size, min(number*Size, len(all))
	return Paged{
		Breakers: all[from:to], Number: number, Pages: pages,
		First: from + 1, Last: to, Amount: len(all),
	}
}

// Step returns the number of the page that is n pages further.
func (p Paged) Step(n int) int { return p.Number + n }
