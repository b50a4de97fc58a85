// SPDX-License-Identifier: Apache-2.0

package page

import (
	"slices"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// entry is a transition in the table of a breaker's page.
type entry struct {
	Transition
	Held time.Duration // how long the state lasted, or has lasted
	Last bool          // it is the last one
}

// newest returns the transitions with the newest first.
func newest(history []Transition, now time.Time) (entries []entry) {
	end := now
	for i, h := range slices.Backward(history) {
		entries = append(entries, entry{h, max(end.Sub(h.At), 0), i == len(history)-1})
		end = h.At
	}
	return entries
}

// For writes how long the state lasted.
func (e entry) For() string {
	if e.Last {
		return age(e.Held)
	}
	return span(e.Held)
}

// made returns the kinds of transitions that were made.
func made(counts []Count) []Count {
	return slices.DeleteFunc(slices.Clone(counts), func(c Count) bool { return c.Count == 0 })
}

// setting is an option of a breaker.
type setting struct{ Name, Value string }

// settings splits the text form of a breaker's options.
func settings(text string) (all []setting) {
	for pair := range strings.SplitSeq(text, ",") {
		if name, value, ok := strings.Cut(strings.TrimSpace(pair), "="); ok {
			all = append(all, setting{spaced(name), value})
		}
	}
	return all
}

// counter is a count of a part.
type counter struct {
	Name  string
	Value string
	Bad   bool // it is a loss
	Zero  bool
}

func count(name string, n uint64) counter { return counter{Name: name, Value: number(n), Zero: n == 0} }

func loss(name string, n uint64) counter {
	c := count(name, n)
	c.Bad = n > 0
	return c
}

// counters lists what a part has counted.
func counters(p Part, now time.Time) (all []counter) {
	if w := p.Writes; w != nil {
		all = append(all,
			count("fallback", w.Fallback), loss("lost", w.Lost), count("rejected", w.Rejected),
			count("failed", w.Failed), count("panicked", w.Panicked), count("busy", w.Busy),
			count("record errors", w.RecordErrors), count("slow", w.Slow), count("torn", w.Torn),
			count("fallback torn", w.FallbackTorn), count("late", w.Late), count("outages", w.Outages))
	}
	if b := p.Batches; b != nil {
		all = append(all,
			count("records", b.Records), count("batches", b.Batches),
			counter{"waiting", bytesOf(int64(b.Waiting)), false, b.Waiting == 0}, count("overflowed", b.Overflowed))
	}
	if b := p.Backlog; b != nil {
		oldest := counter{"oldest", "none", false, true}
		if b.Oldest != nil {
			oldest = counter{"oldest", age(now.Sub(*b.Oldest)), false, false}
		}
		all = append(all,
			count("records", b.Records), counter{"size", bytesOf(b.Bytes), false, b.Bytes == 0}, oldest,
			count("appended", b.Appended), count("replayed", b.Replayed), count("repeated", b.Repeated),
			loss("dropped", b.Dropped), loss("corrupt", b.Corrupt))
	}
	return all
}

// piece is a part of the bar that shows the states of a group.
type piece struct {
	State string
	X, W  string // percent
}

// share divides a bar among the states. A state with a breaker gets at least 2 percent, so that one
// open breaker of thousands is seen.
func share(s States) (pieces []piece) {
	var widths [atomicbreaker.ForcedClosed + 1]float64
	sum := 0.0
	for _, state := range severity {
		if n := s.Of(state); n > 0 {
			widths[state] = max(100*float64(n)/float64(s.Sum()), 2)
			sum += widths[state]
		}
	}
	x := 0.0
	for _, state := range severity {
		if w := widths[state]; w > 0 {
			w *= 100 / sum
			pieces = append(pieces, piece{state.String(), unit(x) + "%", unit(w) + "%"})
			x += w
		}
	}
	return pieces
}
