// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// Chunk is what [Bytes] passes to a fallback: all of a write, or the part of it that the primary
// did not take. If the records are lines, P holds whole lines.
type Chunk struct {
	P        []byte
	Fallback io.Writer
}

// BytesOptions are the options of a [Bytes].
type BytesOptions struct {
	Options
	OnLost       func(p []byte, err error) // called with lost bytes; p is valid during the call
	WholeRecords bool                      // each write is one record, of one or more lines
}

// Bytes is a [Guard] for a primary and a fallback that are io.Writers. It tracks how many bytes of
// a write each side took, splits batches at line boundaries, and repairs torn lines.
//
// A sink is torn if it took only a part of a write that ends with a newline, and that part does not
// end with one. The next write to a torn sink starts with a newline.
type Bytes struct {
	*Guard[Chunk]
	whole bool

	primaryTears, fallbackTears atomic.Uint32 // how often each side was torn

	// turn, if not nil, is held during each call of the fallback. It is a channel because a
	// goroutine that waits for a mutex does not count as idle in virtual time.
	turn chan struct{}
}

// NewBytes returns a Bytes for b. Options.Adapter is required. NewBytes sets StderrIsSink if
// primary or fallback is os.Stderr. It panics if [IsGuardedBy] returns true for either of them.
func NewBytes(b *atomicbreaker.Breaker, primary, fallback io.Writer, o BytesOptions) *Bytes {
	for _, sink := range []io.Writer{primary, fallback} {
		if IsGuardedBy(sink, b) {
			panic(fmt.Sprintf("%s: %q: a sink of type %T is guarded by this breaker already; "+
				"want one that is not", o.Adapter, b.Name(), sink))
		}
	}
	o.StderrIsSink = o.StderrIsSink || IsStderr(primary) || IsStderr(fallback)
	var onLost func(Chunk, int, error)
	if f := o.OnLost; f != nil {
		onLost = func(c Chunk, n int, err error) { f(c.P[n:], err) }
	}
	g := &Bytes{whole: o.WholeRecords}
	g.Guard = New(b, o.Options, g.writeFallback, onLost)
	return g
}

// IsGuardedBy reports whether a sink asks b for a permit itself, as a breakerhttp.Sink does if b
// guards the transport of its client. It calls the method GuardedBy of the sink, if there is one.
//
// Such a sink does not work below an adapter with the same breaker. As a primary it needs a second
// probe for each probe of the adapter, so the breaker never closes again. As a fallback it takes
// nothing while the breaker is open.
func IsGuardedBy(sink any, b *atomicbreaker.Breaker) bool {
	g, ok := sink.(interface {
		GuardedBy(*atomicbreaker.Breaker) bool
	})
	return ok && g.GuardedBy(b)
}

// Serialize limits the fallback to one call at a time. Call it before the first write.
func (g *Bytes) Serialize() { g.turn = make(chan struct{}, 1) }

// Exclude calls f, which calls the fallback. After Serialize, f does not overlap with other calls
// of the fallback.
func (g *Bytes) Exclude(f func() error) error {
	if g.turn != nil {
		g.turn <- struct{}{}
		defer func() { <-g.turn }()
	}
	return f()
}

// CloseFallback calls f, which closes the fallback. After Serialize it waits for a call of the
// fallback that is in progress, for at most CloseTimeout: a fallback that hangs may return only
// when it is closed.
func (g *Bytes) CloseFallback(f func() error) error {
	if g.turn == nil {
		return f()
	}
	last := time.NewTimer(CloseTimeout)
	defer last.Stop()
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-last.C:
	}
	return f()
}

// WritePrimary writes p to the primary and repairs the primary if it is torn. Call it when the
// guard is not quiet.
//
//go:noinline
func (g *Bytes) WritePrimary(primary io.Writer, p []byte) (int, error) {
	return g.write(primary, p, flagPrimaryTorn)
}

// Mend returns p, with a newline in front if the primary is torn. It is for adapters that do not
// write through WritePrimary. A tear other than 0 means that the newline was added; pass the tear
// to Mended if the primary took the newline.
func (g *Bytes) Mend(p []byte) (mended []byte, tear uint32) {
	if len(p) == 0 || g.flags.Load()&flagPrimaryTorn == 0 {
		return p, 0
	}
	tear = g.primaryTears.Load()
	return append([]byte{'\n'}, p...), tear
}

// Mended records that the primary took the newline that Mend added. The tear is the one that Mend
// returned.
func (g *Bytes) Mended(tear uint32) { g.repaired(flagPrimaryTorn, tear) }

// repaired clears the torn flag of a side that took a newline, unless the side has been torn again
// since the given tear. Tears are counted before the flag is set, so a concurrent tear ends with
// its flag set.
func (g *Bytes) repaired(side, tear uint32) {
	g.flags.And(^side)
	if g.tears(side).Load() != tear {
		g.flags.Or(side)
	}
}

func (g *Bytes) tears(side uint32) *atomic.Uint32 {
	if side == flagPrimaryTorn {
		return &g.primaryTears
	}
	return &g.fallbackTears
}

// FailBytes diverts what the primary did not take of p, and reports the failure to the breaker. The
// primary took n bytes and returned err; a nil err means [io.ErrShortWrite]. FailBytes returns the
// result of Write.
func (g *Bytes) FailBytes(
	p []byte, fallback io.Writer, permit atomicbreaker.Permit, n int, err error,
) (int, error) {
	if err == nil {
		err = io.ErrShortWrite
	}
	from := 0
	if 0 < n && n < len(p) {
		g.counts.torn.Add(1)
		from = g.firstUntaken(p, n, flagPrimaryTorn)
	}
	n, err = g.Fail(Chunk{p[from:], fallback}, permit, err)
	return Written(p, from+n, err)
}

// Written returns the result of an io.Writer for p: len(p) if err is nil, and otherwise n, the
// bytes before the first record that was lost, and err.
func Written(p []byte, n int, err error) (int, error) {
	if err != nil {
		return n, err
	}
	return len(p), nil
}

// writeFallback writes a chunk to its fallback.
//
// The fallback that a breakerio.Batcher installs has the method Asked(p []byte) bool. It reports
// whether this fallback already got the batch that p belongs to. If so, the chunk is neither
// written nor counted again.
func (g *Bytes) writeFallback(c Chunk) (int, error) {
	if c.Fallback == nil {
		return 0, ErrNoFallback
	}
	if g.turn != nil {
		g.turn <- struct{}{}
		defer func() { <-g.turn }()
	}
	if f, ok := c.Fallback.(interface{ Asked(p []byte) bool }); ok && f.Asked(c.P) {
		return len(c.P), errAsked
	}
	n, err := g.write(c.Fallback, c.P, flagFallbackTorn)
	if err == nil {
		if n >= len(c.P) {
			return len(c.P), nil
		}
		err = io.ErrShortWrite
	}
	if n <= 0 || n >= len(c.P) {
		return 0, err
	}
	g.counts.fallbackTorn.Add(1)
	return g.firstUntaken(c.P, n, flagFallbackTorn), err
}

// firstUntaken returns the offset of the first record that a sink did not take whole, given that it
// took n bytes of p and 0 < n < len(p). It marks the sink as torn if the cut is inside a line.
func (g *Bytes) firstUntaken(p []byte, n int, side uint32) int {
	if p[len(p)-1] != '\n' {
		return 0
	}
	if p[n-1] != '\n' {
		g.tears(side).Add(1)
		g.flags.Or(side)
	}
	if g.whole {
		return 0
	}
	return bytes.LastIndexByte(p[:n], '\n') + 1
}

// write writes p to a sink, after a newline if the sink is torn. The sink stays torn until it has
// taken a newline. Concurrent writers may therefore all add one, which leaves empty lines: the
// newline of one writer may come too late for another.
func (g *Bytes) write(w io.Writer, p []byte, side uint32) (n int, err error) {
	if len(p) == 0 || g.flags.Load()&side == 0 {
		return w.Write(p)
	}
	tear := g.tears(side).Load()
	n, err = w.Write(append([]byte{'\n'}, p...))
	if n <= 0 {
		return n, err
	}
	// If err is not nil and n > len(p), it is unknown whether the sink took the newline. An extra
	// empty line is harmless.
	if err == nil || n <= len(p) {
		g.repaired(side, tear)
	}
	return n - 1, err
}
