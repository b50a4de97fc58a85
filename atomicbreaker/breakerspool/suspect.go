// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// A record is set aside when the sink has refused it refusalsAside times, and has taken another
// record between each two of them.
const refusalsAside = 3

// After trialAfter refusals in a row, and after every trialEvery-th from then on, Replay writes the
// next record as a trial. It tells a sink that refuses one record from a sink that is down. Without
// trials, one bad record would stop the queue of a process that writes nothing else. They begin
// late, because a record that the sink takes as a trial comes before one that it takes after all.
const (
	trialAfter = 5
	trialEvery = 4
)

// suspect is a record that the sink has refused, alone, with an error that is not known to be one
// of the record.
type suspect struct {
	at        place
	refusals  int  // that count
	inRow     int  // refusals since another record was taken in a trial
	others    bool // the sink has taken another record since the last refusal
	trialNext bool
	ahead     place // behind the last record that was taken in a trial; before the first trial, behind the suspect
	held      bool  // a record was taken in a trial

	state      atomicbreaker.Snapshot // after the last refusal
	recoveries int64
}

// isHeld reports whether the sink has taken records behind the suspect.
func (s *suspect) isHeld() bool { return s.held }

// lookForOthers looks at the breaker for a success of another writer since the last refusal.
func (s *suspect) lookForOthers(r *replay) {
	if s.at.g == nil || s.others {
		return
	}
	now := r.breaker.Snapshot()
	s.others = r.recoveries.Load() != s.recoveries ||
		now.State == atomicbreaker.Closed && s.state.State == atomicbreaker.Closed &&
			now.Generation == s.state.Generation && now.Failures < s.state.Failures
}

// otherTaken notes that the sink has taken a write.
func (s *suspect) otherTaken(isTrial bool) {
	if !isTrial {
		return // pass has forgotten the suspect
	}
	s.others, s.held, s.trialNext, s.inRow = true, true, false, 0
}

// refused notes that the sink refused a write of one record. It reports whether to set the record
// aside.
func (r *replay) refused() bool {
	s := &r.suspect
	if r.write.isTrial {
		s.trialNext = false
		return false
	}
	w := &r.write.items[len(r.write.items)-1]
	if s.at != w.at {
		*s = suspect{at: w.at, ahead: w.after, others: true}
	}
	s.inRow++
	if s.others {
		s.refusals++
		s.others = false
	}
	s.trialNext = s.held || s.inRow >= trialAfter && (s.inRow-trialAfter)%trialEvery == 0
	s.state, s.recoveries = r.breaker.Snapshot(), r.recoveries.Load()
	return s.refusals >= refusalsAside
}

// setAside moves a record of the write to the directory rejected. If that fails, the record stays
// where it is and is tried again.
func (r *replay) setAside(i int, cause error) {
	w := &r.write.items[i]
	data, err := r.original(w)
	if err == nil {
		err = r.spool.aside(w, data, cause)
	}
	r.spool.report()
	if err != nil {
		r.wait(r.backOff(), nil)
		return
	}
	r.pass(w.after)
}

// original reads a record as it was written into the spool.
func (r *replay) original(w *item) ([]byte, error) {
	at, end, ok := r.spool.next(w.at)
	if !ok || at != w.at {
		return nil, nil // dropped by a limit
	}
	f, err := r.reader.read(at.g, at.pos.Offset, end)
	if err != nil {
		return nil, err
	}
	to := len(f.Data)
	if w.after.pos.Offset == f.Offset {
		to = int(w.after.pos.Taken)
	}
	return f.Data[min(int(at.pos.Taken), to):to], nil
}

// aside appends a record to the store of rejected records, and settles it.
func (s *Spool) aside(w *item, data []byte, cause error) error {
	s.mu.Lock()
	var gone []*part
	defer func() {
		s.mu.Unlock()
		s.unlink(gone)
	}()
	if w.at.g.dropped || len(data) == 0 {
		return nil // it is counted already
	}
	if err := s.prepare(&s.rejected, segment.FrameHeaderSize+int64(len(data)), time.Now()); err != nil {
		return err
	}
	if w.at.g.dropped { // to make room
		return nil
	}
	if err := s.rejected.append(data, w.time); err != nil {
		return err
	}
	w.at.g.records--
	s.backlog.Add(-1)
	s.drop(Drop{Reason: DropRejected, Records: 1, Bytes: int64(len(data)), Age: time.Since(w.time), Err: cause})
	gone = s.acknowledge(w.after)
	return nil
}
