// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"bytes"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
)

// Counters count what passes the ends of a guard. The demo shows them while it runs, and as rates;
// its verdict on the records comes from the files.
type Counters struct {
	Offered  atomic.Uint64 // records that got a number; their log call has begun
	Returned atomic.Uint64 // log calls that came back

	tried        atomic.Uint64 // records that the sink's client got
	failed       atomic.Uint64 // of those, the ones that the sink did not acknowledge
	acknowledged atomic.Uint64 // and those that it did
	diverted     atomic.Uint64 // records that the fallback took
	replayed     atomic.Uint64 // of those, the ones that the sink took later

	Probes atomic.Uint64 // times that a breaker admitted one as a probe

	Reasons [Reasons]atomic.Uint64 // of the diverted records, where the guard says why
}

// Counts is what the counters had counted at a moment.
type Counts struct {
	Offered, Returned, Tried, Failed, Acknowledged, Diverted, Replayed, Probes uint64

	Reasons ByReason
}

// Now returns what has been counted so far.
func (c *Counters) Now() Counts {
	now := Counts{
		Offered: c.Offered.Load(), Returned: c.Returned.Load(),
		Tried: c.tried.Load(), Failed: c.failed.Load(), Acknowledged: c.acknowledged.Load(),
		Diverted: c.diverted.Load(), Replayed: c.replayed.Load(), Probes: c.Probes.Load(),
	}
	for r := range Reasons {
		now.Reasons[r] = c.Reasons[r].Load()
	}
	return now
}

// Minus returns what was counted since an earlier moment.
func (c Counts) Minus(earlier Counts) Counts {
	return Counts{
		Offered: c.Offered - earlier.Offered, Returned: c.Returned - earlier.Returned,
		Tried: c.Tried - earlier.Tried, Failed: c.Failed - earlier.Failed,
		Acknowledged: c.Acknowledged - earlier.Acknowledged,
		Diverted:     c.Diverted - earlier.Diverted, Replayed: c.Replayed - earlier.Replayed,
		Probes:  c.Probes - earlier.Probes,
		Reasons: c.Reasons.minus(earlier.Reasons),
	}
}

// Primary returns a writer that counts what the sink's client to makes of its records. taken keeps
// the numbers of those that it acknowledged; nil means that the sink's file will be read back.
func (c *Counters) Primary(to io.Writer, taken *Acknowledgements) io.Writer {
	return countedPrimary{to, c, taken}
}

// Fallback returns a writer that counts the records that the fallback to takes.
func (c *Counters) Fallback(to io.Writer) io.Writer { return countedFallback{to, c} }

// countedPrimary counts what becomes of the records that reach the sink's client.
type countedPrimary struct {
	to    io.Writer
	count *Counters
	taken *Acknowledgements // nil: the sink's file will be read back
}

func (w countedPrimary) Write(p []byte) (int, error) {
	w.count.tried.Add(1)
	n, err := w.to.Write(p)
	if err != nil || n < len(p) {
		w.count.failed.Add(1)
	} else {
		w.count.acknowledged.Add(1)
		if w.taken != nil {
			w.taken.Add(p)
		}
	}
	return n, err
}

// Acknowledgements are the numbers of the records that a sink acknowledged. They stand in for a
// file that cannot be read back: a record can be acknowledged although it is in the fallback as
// well, so a count alone would not find a loss.
type Acknowledgements struct {
	mu   sync.Mutex
	Seen Tally
}

// Add notes a record as the loggers write it, with its number in the field seq.
func (a *Acknowledgements) Add(record []byte) {
	_, rest, _ := bytes.Cut(record, []byte(`"seq":`))
	end := bytes.IndexAny(rest, ",}")
	seq, err := strconv.ParseUint(string(rest[:max(end, 0)]), 10, 64)
	if err != nil {
		return // a logger that writes something else would be found out by its losses
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for uint64(len(a.Seen)) <= seq {
		a.Seen = append(a.Seen, 0)
	}
	if a.Seen[seq] < 255 {
		a.Seen[seq]++
	}
}

// MergeInto adds what was acknowledged to the places in which each record was found, and returns
// how many there were.
func (a *Acknowledgements) MergeInto(seen Tally) (records int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for seq, n := range a.Seen[:min(len(a.Seen), len(seen))] {
		records += int(n)
		seen[seq] += min(n, 255-seen[seq])
	}
	return records
}

// countedFallback counts what the fallback takes.
type countedFallback struct {
	to    io.Writer
	count *Counters
}

func (w countedFallback) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err == nil && n == len(p) {
		w.count.diverted.Add(1)
	}
	return n, err
}

// Replay returns a writer that counts the records that the sink's client to takes from the spool,
// one a line. taken is that of Primary.
func (c *Counters) Replay(to io.Writer, taken *Acknowledgements) io.Writer {
	return countedReplay{to, c, taken}
}

type countedReplay struct {
	to    io.Writer
	count *Counters
	taken *Acknowledgements
}

func (w countedReplay) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err != nil || n < len(p) {
		return n, err
	}
	for line := range bytes.Lines(p) {
		w.count.replayed.Add(1)
		if w.taken != nil {
			w.taken.Add(line)
		}
	}
	return n, nil
}
