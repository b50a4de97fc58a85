// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// reportInterval is the least time between two lines of one reporter.
const reportInterval = 10 * time.Second

// reporter writes on os.Stderr what nobody else reports: losses, and panics that were contained. The
// first is written at once; those of the next interval share one line at its end.
type reporter struct {
	adapter, name string
	mute          bool

	mu           sync.Mutex
	losses       uint64 // not written yet
	panics       uint64
	last         error // the newest of them
	intervalEnds *time.Timer
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

// flush writes what waits for the end of the interval.
func (r *reporter) flush() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.losses+r.panics > 0 {
		r.write()
	}
}

func (r *reporter) write() {
	var what []string
	if r.losses > 0 {
		what = append(what, fmt.Sprintf("lost %d writes", r.losses))
	}
	if r.panics > 0 {
		what = append(what, fmt.Sprintf("contained %d panics", r.panics))
	}
	why := ""
	if l, ok := r.last.(*loss); ok { //nolint:errorlint // an error of settle, which is not wrapped
		why = l.why()
	} else {
		why = r.last.Error()
	}
	why = strings.ReplaceAll(why, "\n", "; ")
	_, _ = fmt.Fprintf(os.Stderr, "%s: %q: %s: %s\n", r.adapter, r.name, strings.Join(what, ", "), why)
	r.losses, r.panics, r.last = 0, 0, nil
}
