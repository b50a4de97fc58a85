// SPDX-License-Identifier: Apache-2.0

package breakerio

import (
	"io"
	"io/fs"
	"time"
)

// close is [Lane.Close].
func (l *lane) close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return fs.ErrClosed
	}
	l.end()
	if l.running == 0 {
		close(l.quiet)
	}
	l.closeIfUnused()
	l.mu.Unlock()

	<-l.quiet // bounded: each running call gives up after its timeout
	l.mu.Lock()
	stuck := l.stuck > 0
	l.mu.Unlock()
	if stuck {
		return l.unclosed
	}
	timer := time.NewTimer(l.syncTimeout)
	defer timer.Stop()
	select {
	case r := <-l.sinkClosed:
		if r.panicked != nil {
			panic(r.panicked)
		}
		return r.err
	case <-timer.C:
		return l.syncHung
	}
}

// drop ends the goroutines of a lane whose Lane has become unreachable.
func (l *lane) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped = true
	l.end()
}

// end rejects all further calls and ends the free slots. The caller holds mu.
func (l *lane) end() {
	l.closed = true
	l.refuseAll(fs.ErrClosed)
	for _, s := range l.free {
		close(s.work)
	}
	l.free = nil
}

// closeIfUnused closes the sink of a closed lane, on a separate goroutine, once no call is in the
// sink. This happens once, because a closed lane takes no calls. The caller holds mu.
func (l *lane) closeIfUnused() {
	if l.running+l.stuck > 0 || l.dropped {
		return
	}
	if l.aborted {
		l.sinkClosed <- result{}
		return
	}
	go func() {
		r := result{err: errGoexit}
		defer func() { l.sinkClosed <- r }()
		r = l.ask(jobClose, nil)
	}()
}

// abort makes a sink that hangs return, if the sink supports it.
func (l *lane) abort() {
	defer func() {
		_ = recover() // no caller waits for the abort, and the hang has been reported
		l.mu.Lock()
		defer l.mu.Unlock()
		l.aborting, l.abortAgain = l.abortAgain, false
		if l.aborting {
			go l.abort()
		}
	}()
	l.mu.Lock()
	stuck := l.stuck > 0
	l.mu.Unlock()
	if !stuck { // the sink has answered; it may be in another write by now
		return
	}
	if a, ok := l.sink.(interface{ Abort() }); ok {
		a.Abort()
		return
	}
	if _, ok := l.sink.(io.Closer); !ok {
		return
	}
	l.mu.Lock()
	again := l.aborted
	l.aborted = true
	l.mu.Unlock()
	if !again {
		_ = closeSink(l.sink)
	}
}
