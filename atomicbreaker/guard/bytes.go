// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"io"
	"sync/atomic"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

// Chunk is what the fallback gets of a write: whole records, if records are lines. A fallback with a
// method Asked(p []byte) bool is not written to if that says that it was asked to take P before; the
// write is not counted again then.
type Chunk struct {
	P        []byte
	Fallback io.Writer
}

// BytesOptions are the options of package breakerio.
type BytesOptions struct {
	Options
	OnLost       func(p []byte, err error)
	WholeRecords bool // a write is one record, of one or several lines
	AsyncProbes  bool

	// Family, if not nil, makes one of several writers: the first stores its guard there, and the others use
	// it. It is for a package whose writer has several ways into one sink.
	Family *Family
}

// Family is what several writers to one sink share.
type Family struct{ guard *Bytes }

// Bytes is the guard of two sinks that are io.Writers. It knows how much of a write each took, splits
// batches at lines, and repairs lines that were cut.
//
// A sink is torn if it took a part of a write that ends with a newline, and that part does not end with
// one. The next write to it begins with a newline then.
type Bytes struct {
	*Guard[Chunk]
	whole bool

	primaryTears, fallbackTears atomic.Uint32 // so far

	// turn, if not nil, is held while the fallback is called. It is a channel, because a goroutine that waits
	// for a mutex is not idle in virtual time.
	turn chan struct{}
}

// NewBytes applies the options of package breakerio.
func NewBytes[Option ~func(*BytesOptions)](b *atomicbreaker.Breaker, primary, fallback io.Writer, opts []Option) (*Bytes, BytesOptions) {
	o := BytesOptions{Options: Options{Adapter: "breakerio", StderrIsSink: IsStderr(primary) || IsStderr(fallback)}}
	for _, opt := range opts {
		opt(&o)
	}
	if o.Family != nil && o.Family.guard != nil {
		return o.Family.guard, o
	}
	var onLost func(Chunk, int, error)
	if f := o.OnLost; f != nil {
		onLost = func(c Chunk, n int, err error) { f(c.P[n:], err) }
	}
	g := &Bytes{whole: o.WholeRecords}
	g.Guard = New(b, o.Options, g.writeFallback, onLost)
	if o.Family != nil {
		o.Family.guard = g
	}
	return g, o
}

// Serialize makes calls of the fallback exclude each other. Call it before the first write.
func (g *Bytes) Serialize() { g.turn = make(chan struct{}, 1) }

// Exclude calls f, which calls the fallback, where Serialize excludes other calls of it.
func (g *Bytes) Exclude(f func() error) error {
	if g.turn != nil {
		g.turn <- struct{}{}
		defer func() { <-g.turn }()
	}
	return f()
}

// CloseFallback calls f, which closes the fallback. It waits for a call of the fallback that is in
// progress, but no longer than CloseTimeout: a fallback that hangs may return only when it is closed.
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

// WritePrimary writes p to the primary, and repairs that if it is torn. The adapter calls it when the
// guard is not quiet.
//
//go:noinline
func (g *Bytes) WritePrimary(primary io.Writer, p []byte) (int, error) {
	return g.write(primary, p, flagPrimaryTorn)
}

// Mend returns p with a newline before it if the primary is torn, and the tear, which is not 0 then. It is
// for an adapter that does not write through WritePrimary; call Mended if the primary took that newline.
func (g *Bytes) Mend(p []byte) (mended []byte, tear uint32) {
	if len(p) == 0 || g.flags.Load()&flagPrimaryTorn == 0 {
		return p, 0
	}
	tear = g.primaryTears.Load()
	return append([]byte{'\n'}, p...), tear
}

// Mended says that the primary took the newline that Mend put before a write.
func (g *Bytes) Mended(tear uint32) { g.repaired(flagPrimaryTorn, tear) }

// repaired says that a side has the newline that was written when the last tear was the given one. A tear
// is counted before its flag is set, so that of a later one the flag is set in the end.
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

// FailBytes diverts what the primary left of p: it took n bytes, and returned err. It returns what an
// io.Writer returns.
func (g *Bytes) FailBytes(p []byte, fallback io.Writer, permit atomicbreaker.Permit, n int, err error) (int, error) {
	if err == nil {
		err = io.ErrShortWrite
	}
	from := 0
	if 0 < n && n < len(p) {
		g.counts.torn.Add(1)
		from = g.taken(p, n, flagPrimaryTorn)
	}
	n, err = g.Fail(Chunk{p[from:], fallback}, permit, err)
	return Written(p, from+n, err)
}

// Written returns what an io.Writer returns for p: all of it, or the n bytes that came before what was
// lost.
func Written(p []byte, n int, err error) (int, error) {
	if err != nil {
		return n, err
	}
	return len(p), nil
}

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
	return g.taken(c.P, n, flagFallbackTorn), err
}

// taken returns where the first record begins that a sink did not take whole, when it took n bytes of p
// and 0 < n < len(p). If that cut a line, the sink is torn.
func (g *Bytes) taken(p []byte, n int, side uint32) int {
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

// write writes p to a sink, after a newline if the sink is torn. It is torn until it has taken a newline: of
// concurrent writers all repair, and leave empty lines, because the newline of one may come too late for
// another.
func (g *Bytes) write(w io.Writer, p []byte, side uint32) (n int, err error) {
	if len(p) == 0 || g.flags.Load()&side == 0 {
		return w.Write(p)
	}
	tear := g.tears(side).Load()
	n, err = w.Write(append([]byte{'\n'}, p...))
	if n <= 0 {
		return n, err
	}
	if err == nil || n <= len(p) { // otherwise nobody knows, and an empty line too many does no harm
		g.repaired(side, tear)
	}
	return n - 1, err
}
