// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

func (st *store) readLog(g *part) error {
	log, err := st.disk.Open(st.name(g.number, ackSuffix))
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	g.acked, err = segment.LastAck(log, g.sums)
	return err
}

// acknowledge writes how far a segment is taken. If that fails, records may be repeated after the
// process has died, and none is lost. room is how many bytes the files may grow by. A log that may
// not grow begins anew: the largest position counts, wherever it is in the log.
func (st *store) acknowledge(g *part, p segment.Position, room int64) {
	g.acked = p
	if g.log == nil {
		log, err := st.disk.Edit(st.name(g.number, ackSuffix))
		if err != nil {
			return
		}
		g.log, g.logNext = log, g.logLength-g.logLength%segment.AckSize // a torn entry is overwritten
		st.unnamed = true
	}
	g.unsyncedLog = true
	if g.logNext >= maxLog || g.logNext+segment.AckSize > g.logLength+room {
		g.logNext = 0
	}
	if g.logNext+segment.AckSize > g.logLength+room {
		return
	}
	st.buf = segment.AppendAck(st.buf[:0], g.sums, g.logNext, p)
	n, err := g.log.WriteAt(st.buf, g.logNext)
	growth := max(g.logNext+int64(n)-g.logLength, 0)
	g.logLength += growth
	st.bytes += growth
	if err == nil {
		g.logNext += segment.AckSize
	}
}

const (
	// maxLog is the size of a log of acknowledgments.
	maxLog = 64 << 10

	// ackReserve is how many bytes below its limit the spool leaves to the log of acknowledgments. A
	// full spool without it would repeat what it replayed.
	ackReserve = 4 << 10
)
