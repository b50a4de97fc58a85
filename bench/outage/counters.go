// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"strconv"
	"sync"
	"sync/atomic"
)

// counters count what passes the ends of a guard. The demo shows them while it runs, and as rates; its verdict on the
// records comes from the files.
type counters struct {
	offered  atomic.Uint64 // records that got a number; their log call has begun
	returned atomic.Uint64 // log calls that came back

	tried        atomic.Uint64 // records that the sink's client got
	failed       atomic.Uint64 // of those, the ones that the sink did not acknowledge
	acknowledged atomic.Uint64 // and those that it did
	diverted     atomic.Uint64 // records that the fallback took

	probes atomic.Uint64 // times that a breaker admitted one as a probe

	reasons [reasons]atomic.Uint64 // of the records that the fallback took, where the guard says why
}

// counts is what the counters had counted at a moment.
type counts struct {
	offered, returned, tried, failed, acknowledged, diverted, probes uint64

	reasons byReason
}

func (c *counters) now() counts {
	now := counts{
		offered: c.offered.Load(), returned: c.returned.Load(), tried: c.tried.Load(), failed: c.failed.Load(),
		acknowledged: c.acknowledged.Load(), diverted: c.diverted.Load(), probes: c.probes.Load(),
	}
	for r := range reasons {
		now.reasons[r] = c.reasons[r].Load()
	}
	return now
}

// minus is what was counted since an earlier moment.
func (c counts) minus(earlier counts) counts {
	return counts{
		offered: c.offered - earlier.offered, returned: c.returned - earlier.returned, tried: c.tried - earlier.tried,
		failed: c.failed - earlier.failed, acknowledged: c.acknowledged - earlier.acknowledged,
		diverted: c.diverted - earlier.diverted, probes: c.probes - earlier.probes,
		reasons: c.reasons.minus(earlier.reasons),
	}
}

// countedPrimary counts what becomes of the records that reach the sink's client.
type countedPrimary struct {
	to    io.Writer
	count *counters
	taken *acknowledgements // nil: the sink's file will be read back
}

func (w countedPrimary) Write(p []byte) (int, error) {
	w.count.tried.Add(1)
	n, err := w.to.Write(p)
	if err != nil || n < len(p) {
		w.count.failed.Add(1)
	} else {
		w.count.acknowledged.Add(1)
		if w.taken != nil {
			w.taken.add(p)
		}
	}
	return n, err
}

// acknowledgements are the numbers of the records that a sink acknowledged. They stand in for a file that cannot be read
// back: a record can be acknowledged although it is in the fallback as well, so a count alone would not find a loss.
type acknowledgements struct {
	mu   sync.Mutex
	seen tally
}

// add notes a record as the loggers write it, with its number in the field seq.
func (a *acknowledgements) add(record []byte) {
	_, rest, _ := bytes.Cut(record, []byte(`"seq":`))
	end := bytes.IndexAny(rest, ",}")
	seq, err := strconv.ParseUint(string(rest[:max(end, 0)]), 10, 64)
	if err != nil {
		return // a logger that writes something else would be found out by its losses
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for uint64(len(a.seen)) <= seq {
		a.seen = append(a.seen, 0)
	}
	if a.seen[seq] < 255 {
		a.seen[seq]++
	}
}

// mergeInto adds what was acknowledged to the places in which each record was found, and returns how many there were.
func (a *acknowledgements) mergeInto(seen tally) (records int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for seq, n := range a.seen[:min(len(a.seen), len(seen))] {
		records += int(n)
		seen[seq] += min(n, 255-seen[seq])
	}
	return records
}

// countedFallback counts what the fallback takes.
type countedFallback struct {
	to    io.Writer
	count *counters
}

func (w countedFallback) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	if err == nil && n == len(p) {
		w.count.diverted.Add(1)
	}
	return n, err
}
