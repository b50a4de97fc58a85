// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// call writes to the sink. A panic is a failure of the sink.
func (r *replay) call() (n int, err error) {
	defer func() {
		if v := recover(); v != nil {
			n, err = 0, fmt.Errorf("breakerspool: panic in the sink: %v", v)
		}
	}()
	return r.sink.Write(r.write.bytes(r.torn))
}

// taken returns how many records of the write the sink took, given its result. A short write
// without an error is one.
func (r *replay) taken(n int, err *error) (records int) {
	p, torn := r.write.bytes(r.torn), &r.torn
	switch {
	case *err == nil && n >= len(p):
		*torn = false
		return len(r.write.items)
	case *err == nil:
		*err = io.ErrShortWrite
	}
	if n <= 0 || n >= len(p) {
		return 0 // nothing is believed
	}
	if *torn {
		*torn = false
		n--
	}
	if !r.write.isLines() || n == 0 {
		return 0
	}
	*torn = r.write.buf[prefix+n-1] != '\n'
	for records < len(r.write.items) && r.write.items[records].end <= n {
		records++
	}
	return records
}

// judge reports the outcome of a write to the breaker, and decides what follows.
func (r *replay) judge(permit *atomicbreaker.Permit, taken int, took time.Duration, err error) {
	if err == nil {
		r.delay, r.limit = 0, r.limit*2
		if r.limit < taken || r.limit <= 0 {
			r.limit = math.MaxInt
		}
		if r.write.kind != inOrder {
			r.suspect.otherTaken()
		}
		if slow := r.breaker.SlowThreshold(); slow > 0 && took > slow {
			permit.Fail(fmt.Errorf("%w: took %v, over %v", atomicbreaker.ErrSlow, took, slow))
			return
		}
		permit.Success()
		return
	}
	left := len(r.write.items) - taken
	switch {
	case errors.Is(err, breakerio.ErrBusy):
		permit.Cancel()
		r.wait(firstDelay, r.changed)
	case r.isRecordError(err) && r.write.kind != inOrder:
		permit.Cancel()
		r.refusedTrial()
		r.suspect.others = true // the sink has answered
	case r.isRecordError(err):
		permit.Cancel()
		r.limit = max(1, left/2)
		if left == 1 {
			r.setAsideLast(err)
		}
	case r.write.kind != inOrder:
		report(permit, err)
		r.refusedTrial()
		r.wait(r.backOff(), r.closes())
	default:
		report(permit, err)
		r.limit = max(1, left/2)
		if left == 1 && r.refused() {
			r.setAsideLast(err)
			return
		}
		r.wait(r.backOff(), r.closes())
	}
}

// report reports an error to the breaker. A panic of the user's classifier is a failure.
func report(permit *atomicbreaker.Permit, err error) {
	defer func() {
		if recover() != nil {
			permit.Fail(err)
		}
	}()
	permit.Report(err)
}

// closes returns a channel that has a value when the breaker has made a transition, unless it is
// closed already: then only time helps.
func (r *replay) closes() <-chan struct{} {
	select {
	case <-r.changed: // of the failure just reported
	default:
	}
	if r.breaker.State() == atomicbreaker.Closed {
		return nil
	}
	return r.changed
}

// isRecordError calls the user's function. A panic in it is no record error.
func (r *replay) isRecordError(err error) (is bool) {
	if r.config.isRecordError == nil {
		return false
	}
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	return r.config.isRecordError(err)
}
