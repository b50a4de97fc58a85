// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool/internal/segment"
)

// A record is set aside when the sink has refused it refusalsAside times, and has taken another
// record between each two of them.
const refusalsAside = 3

// Replay writes the next record as a trial after trialAfter refusals in a row, and after every
// trialEvery-th from then on; also when the breaker shows that the sink took a live record. A trial
// tells a sink that refuses one record from a sink that is down. A live record alone is no proof:
// Replay may have a connection of its own, which is down. Trials are rare, because the first write
// that a sink takes after an outage must not be one: the record would arrive before an older one.
// So each refused trial doubles the number of refusals that the next one for a live record takes.
//
// If the sink refuses that record too, the next trial is the record behind it, and so on. A record
// that is taken behind a refused one is not settled. It is repeated when its turn comes, because
// the log of acknowledgments has no gaps.
const (
	trialAfter = 7
	trialEvery = 50
)

// suspect is a record that the sink has refused, alone, with an error that is not known to be one
// of the record.
type suspect struct {
	at        place
	refusals  int  // that count
	inRow     int  // refusals since another record was taken in a trial
	others    bool // the sink has taken a trial since the last refusal
	proved    bool // the sink has taken a trial
	live      bool // the sink has taken a live record since the last refusal
	liveAfter int  // refusals in a row before the next trial for a live record
	trialNext bool
	ahead     place // behind the last record that was taken in a trial; first, behind the suspect
	held      bool  // ahead is not directly behind the suspect
	trialAt   place // where the next trial begins

	state atomicbreaker.Snapshot // after the last refusal
}

// lookForLive looks at the breaker for a success of another writer since the last refusal.
func (s *suspect) lookForLive(r *replay) {
	if s.at.g == nil || s.live {
		return
	}
	now := r.breaker.Snapshot()
	g := r.recovered.Load()
	s.live = g != nil && isAfter(*g, s.state.Generation) ||
		now.State == atomicbreaker.Closed && s.state.State == atomicbreaker.Closed &&
			now.Generation == s.state.Generation && now.Failures < s.state.Failures
}

// isAfter compares generations, which wrap around at 2^24.
func isAfter(g, h uint32) bool {
	const half = 1 << 23
	return g != h && (g-h)%(2*half) < half
}

// otherTaken notes that the sink has taken a trial.
func (s *suspect) otherTaken() {
	s.others, s.proved, s.trialNext, s.inRow, s.liveAfter = true, true, false, 0, 0
}

// refusedTrial notes that the sink refused a trial.
func (r *replay) refusedTrial() {
	r.suspect.trialNext = false
	r.suspect.liveAfter = 2 * r.suspect.inRow
	r.suspect.trialAt = r.write.items[0].after
}

// refused notes that the sink refused a write of one record. It reports whether to set the record
// aside.
func (r *replay) refused() bool {
	s := &r.suspect
	w := &r.write.items[len(r.write.items)-1]
	if s.at != w.at {
		*s = suspect{at: w.at, ahead: w.after, trialAt: w.after, others: true}
	}
	s.inRow++
	if s.others {
		s.refusals++
		s.others = false
	}
	s.trialNext = s.proved || s.live && s.inRow >= s.liveAfter ||
		s.inRow >= trialAfter && (s.inRow-trialAfter)%trialEvery == 0
	s.live, s.state = false, r.breaker.Snapshot()
	return s.refusals >= refusalsAside
}

// setAsideLast sets the last record of the write aside. If that fails, the record stays where it is
// and is tried again.
func (r *replay) setAsideLast(cause error) {
	if r.setAside(&r.write.items[len(r.write.items)-1], cause) != nil {
		r.wait(r.backOff(), nil)
	}
}

// asideTries is how often a record that the sink refuses for good cannot be written to the
// directory rejected before it is given up all the same: such a record must not stop the queue.
const asideTries = 10

// setAside moves the record at the head to the directory rejected.
func (r *replay) setAside(w *item, cause error) error {
	data, err := r.original(w)
	if err == nil {
		r.unkept++
		err = r.spool.aside(w, data, cause, r.unkept >= asideTries)
	}
	r.spool.report()
	if err == nil {
		r.pass(w.after)
	}
	return err
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
	data, _ := recordAt(at, f)
	return data, nil
}

// aside appends a record to the store of rejected records, and settles it. If the limits leave no
// room for it, or it must go, the record is given up.
func (s *Spool) aside(w *item, data []byte, cause error, must bool) error {
	s.mu.Lock()
	var gone []*part
	defer func() {
		s.mu.Unlock()
		s.unlink(gone)
	}()
	if s.closed {
		return fs.ErrClosed
	}
	if w.at.g.dropped || len(data) == 0 {
		return nil // it is counted already
	}
	size := int64(len(data))
	err := s.prepare(&s.rejected, segment.FrameHeaderSize+size, time.Now())
	if w.at.g.dropped { // its file is missing
		return nil
	}
	if err == nil {
		err = s.rejected.append(data, w.time)
	}
	switch {
	case err == nil:
	case must, errors.Is(err, ErrDiskFull):
		cause = fmt.Errorf("%w; not kept in the directory rejected: %w", cause, err)
	default:
		return err
	}
	s.forget(w.at.g, 1, size)
	s.drop(Drop{Reason: DropRejected, Records: 1, Bytes: size, Age: age(w.time), Err: cause})
	gone = s.acknowledge(w.after)
	return nil
}
