// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// reportInterval is the minimum time between two lines of one reporter.
const reportInterval = 10 * time.Second

// reporter writes losses and contained panics to os.Stderr when no user function receives them. The
// first one is written at once. Those of the following interval share one line at its end.
type reporter struct {
	adapter, name string
	mute          bool

	mu           sync.Mutex
	losses       uint64 // not yet reported
	panics       uint64
	last         error // of the latest loss or panic
	intervalEnds *time.Timer

	printing atomic.Bool // a line is being written
}

// lost reports a lost write.
func (r *reporter) lost(err error) {
	r.add(&r.losses, err)
}

// panicked reports a panic that was contained.
func (r *reporter) panicked(what string, v any) {
	if !r.mute {
		r.add(&r.panics, fmt.Errorf("%s panicked: %v", what, v))
	}
}

func (r *reporter) add(count *uint64, last error) {
	if r.mute {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	*count++
	r.last = last
	if r.intervalEnds == nil {
		r.write()
		r.intervalEnds = time.AfterFunc(reportInterval, r.endInterval)
	}
}

func (r *reporter) endInterval() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.intervalEnds = nil
	if r.losses+r.panics > 0 {
		r.write()
		r.intervalEnds = time.AfterFunc(reportInterval, r.endInterval)
	}
}

// flush writes the line that waits for the end of the interval, if there is one.
func (r *reporter) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.losses+r.panics > 0 {
		r.write()
	}
}

// write writes a line. If the previous line is still being written, the counts wait for a later
// line. The caller holds mu.
func (r *reporter) write() {
	if r.printing.Load() {
		return
	}
	var what []string
	if r.losses > 0 {
		what = append(what, "lost "+counted(r.losses, "write"))
	}
	if r.panics > 0 {
		what = append(what, "contained "+counted(r.panics, "panic"))
	}
	why := ""
	if l, ok := r.last.(*loss); ok { //nolint:errorlint // settle does not wrap it
		why = l.why()
	} else {
		why = r.last.Error()
	}
	why = strings.ReplaceAll(why, "\n", "; ")
	r.print(fmt.Sprintf("%s: %q: %s: %s\n", r.adapter, r.name, strings.Join(what, ", "), why))
	r.losses, r.panics, r.last = 0, 0, nil
}

// counted returns "1 write", "2 writes".
func counted(n uint64, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// print writes a line on a separate goroutine, because a pipe without a reader would block the
// logger and its Close. It waits for at most the grace period.
func (r *reporter) print(line string) {
	r.printing.Store(true)
	done := make(chan struct{})
	go func(stderr *os.File) {
		defer close(done)
		_, _ = stderr.WriteString(line)
		r.printing.Store(false)
	}(os.Stderr)
	last := time.NewTimer(grace)
	defer last.Stop()
	select {
	case <-done:
	case <-last.C:
	}
}
