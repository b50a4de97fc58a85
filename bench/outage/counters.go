// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"sync/atomic"
)

// counters count what passes the ends of a guard. The demo shows them while it runs, and as rates; its verdict on the
// records comes from the files.
type counters struct {
	offered  atomic.Uint64 // records that got a number; their log call has begun
	returned atomic.Uint64 // log calls that came back

	tried        atomic.Uint64 // records handed to the sink's client
	failed       atomic.Uint64 // of those, the ones that it did not get an acknowledgement for
	acknowledged atomic.Uint64 // and the ones it did
	diverted     atomic.Uint64 // records that the fallback took

	probes atomic.Uint64 // times that a breaker let one through to see
}

// counts is what the counters had counted at a moment.
type counts struct{ offered, returned, tried, failed, acknowledged, diverted, probes uint64 }

func (c *counters) now() counts {
	return counts{
		offered: c.offered.Load(), returned: c.returned.Load(), tried: c.tried.Load(), failed: c.failed.Load(),
		acknowledged: c.acknowledged.Load(), diverted: c.diverted.Load(), probes: c.probes.Load(),
	}
}

// minus is what was counted since an earlier moment.
func (c counts) minus(earlier counts) counts {
	return counts{
		offered: c.offered - earlier.offered, returned: c.returned - earlier.returned, tried: c.tried - earlier.tried,
		failed: c.failed - earlier.failed, acknowledged: c.acknowledged - earlier.acknowledged,
		diverted: c.diverted - earlier.diverted, probes: c.probes - earlier.probes,
	}
}

// countedPrimary counts what becomes of the records that reach the sink's client.
type countedPrimary struct {
	to    io.Writer
	count *counters
}

func (w countedPrimary) Write(p []byte) (int, error) {
	w.count.tried.Add(1)
	n, err := w.to.Write(p)
	if err != nil || n < len(p) {
		w.count.failed.Add(1)
	} else {
		w.count.acknowledged.Add(1)
	}
	return n, err
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
