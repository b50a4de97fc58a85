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

	<-l.quiet // not for long: each call that runs gives up after its timeout
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

// drop ends the goroutines of a lane that nobody can use any more.
func (l *lane) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped = true
	l.end()
}

// end refuses all further calls and ends the slots that are free. The caller holds mu.
func (l *lane) end() {
	l.closed = true
	l.refuseAll(fs.ErrClosed)
	for _, s := range l.free {
		close(s.work)
	}
	l.free = nil
}

// closeIfUnused closes the sink of a closed lane, on a goroutine of its own, once no call is in it.
// That happens once, because a closed lane takes no calls. The caller holds mu.
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
		r = l.ask(closeSink, nil)
	}()
}

// abort makes a sink that hangs return, if it can.
func (l *lane) abort() {
	defer func() {
		_ = recover() // nobody waits for it, and the hang is reported
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
	if !stuck { // the sink has answered meanwhile: what it does now is another write
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
		_ = closeIt(l.sink)
	}
}
