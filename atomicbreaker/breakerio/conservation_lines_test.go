// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/internal/conservation"
)

// guardedLines returns a Writer of lines.
func guardedLines(parts conservation.LineParts, primary io.Writer, opts ...breakerio.Option) conservation.LineFixture {
	w := breakerio.NewWriter(parts.Breaker, primary, parts.Fallback, append(parts.Options(), opts...)...)
	return conservation.LineFixture{
		Offer: func(text string) { _, _ = parts.Witness(w).Write([]byte(text)) },
		Stats: w.Stats, Sync: w.Sync, Shutdown: w.Shutdown,
	}
}

// batched returns a Writer of lines below a Batcher that is small enough to overflow.
func batched(parts conservation.LineParts, primary io.Writer, opts ...breakerio.Option) conservation.LineFixture {
	w := breakerio.NewWriter(parts.Breaker, primary, parts.Fallback, append(parts.Options(), opts...)...)
	b := breakerio.NewBatcher(w, breakerio.WithBatchBytes(120), breakerio.WithMaxBytes(500))
	return conservation.LineFixture{
		Offer: func(text string) { _, _ = parts.Witness(b).Write([]byte(text)) },
		Stats: w.Stats, Sync: b.Sync, Shutdown: b.Shutdown, Batcher: true,
	}
}

// Every line is exactly once among those that the files acknowledged and those that were lost, and
// each file can be read line by line. This holds for every primary that this package makes, alone
// and below a Batcher.
func TestWriter_ConservationOfLines(t *testing.T) {
	stderr(t) // receives the reports of recovered panics
	type parts = conservation.LineParts
	lane := func(p parts, opts ...breakerio.LaneOption) *breakerio.Lane {
		return breakerio.NewLane(p.Primary, conservation.LaneTimeout, opts...)
	}
	reopener := func(p parts) *breakerio.Reopener {
		return breakerio.NewReopener(func(ctx context.Context) (io.WriteCloser, error) { return p.Dial(ctx) },
			breakerio.WithWriteTimeout(time.Second))
	}
	dialed := func(p parts) *breakerio.Lane {
		return breakerio.NewLane(reopener(p), conservation.LaneTimeout, breakerio.WithCloseOnHang())
	}
	type fixture = conservation.LineFixture
	laned := func(r fixture) fixture { r.Lane = true; return r }
	probed := func(r fixture) fixture { r.Lane, r.Async = true, true; return r }
	reopened := func(r fixture) fixture { r.Reopener = true; return r }
	widened := func(r fixture) fixture { r.Lane, r.Wide = true, true; return r }
	wide := breakerio.WithWidth(8)
	for name, adapter := range map[string]conservation.LineAdapter{
		"plain":              func(p parts) fixture { return guardedLines(p, p.Primary) },
		"reopener":           func(p parts) fixture { return reopened(guardedLines(p, reopener(p))) },
		"lane":               func(p parts) fixture { return laned(guardedLines(p, lane(p))) },
		"wide lane":          func(p parts) fixture { return widened(guardedLines(p, lane(p, wide))) },
		"lane to a reopener": func(p parts) fixture { return laned(reopened(guardedLines(p, dialed(p)))) },
		"probes":             func(p parts) fixture { return probed(guardedLines(p, lane(p), breakerio.AsyncProbesWithoutRepanic)) },
		"probes of a wide lane": func(p parts) fixture {
			return widened(probed(guardedLines(p, lane(p, wide), breakerio.AsyncProbesWithoutRepanic)))
		},
		"probes of a reopener": func(p parts) fixture {
			return probed(reopened(guardedLines(p, dialed(p), breakerio.AsyncProbesWithoutRepanic)))
		},
		"batcher":             func(p parts) fixture { return batched(p, p.Primary) },
		"batcher over a lane": func(p parts) fixture { return laned(batched(p, lane(p))) },
		"batcher over probes of a reopener": func(p parts) fixture {
			return probed(reopened(batched(p, dialed(p), breakerio.AsyncProbesWithoutRepanic)))
		},
	} {
		t.Run(name, func(t *testing.T) { conservation.CheckLines(t, adapter) })
	}
}
