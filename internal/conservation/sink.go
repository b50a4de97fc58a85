// SPDX-License-Identifier: Apache-2.0

package conservation

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"time"
)

var (
	errDown     = errors.New("down")
	errTooLarge = errors.New("record too large")
)

// broken is the panic value of a sink.
const broken = "the sink broke"

// hangTime is how long a sink hangs. It is longer than the lane's timeout, the recovery timeout and
// the probe timeout, and no multiple of any, so that no two events coincide by accident.
const hangTime = 3*time.Second + 7*time.Microsecond

// act is what a sink does with a record.
type act int

const (
	takes act = iota
	fails
	short    // takes part of it without an error
	tears    // takes part of it and fails
	tooLarge // fails because of the record
	canceled // fails because the caller gave up
	panics
	exits // runtime.Goexit

	// The acts below are for a File only.
	busy // fails with ErrBusy, which does not count as a failure
	lies // returns a result that violates io.Writer
)

// step is one act, which takes hangTime if the sink hangs.
type step struct {
	act   act
	hangs bool
}

// Sink handles each record with the next step of its script, and takes everything once that is
// over. It keeps what it took, and checks how it is called.
type Sink struct {
	// Honest sinks never take part of a record without an error, which the adapter could not
	// detect.
	Honest bool

	mu       sync.Mutex
	script   []step
	stuck    bool // repeats the script's last step forever
	closed   bool
	last     map[string]step // the last step for each record
	taken    map[string]int  // how often it took each record whole
	lateness map[string]int  // those that it took after a hang
	parts    int             // how often it took part of a record
	lateTear int             // those that it took after a hang
	hung     uint64
	breaches []string
}

func newSink(script []step) *Sink {
	return &Sink{script: script, last: map[string]step{}, taken: map[string]int{}, lateness: map[string]int{}}
}

// next returns the next step of the script.
func (s *Sink) next(record string) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	var do step
	if len(s.script) > 0 {
		do = s.script[0]
		if len(s.script) > 1 || !s.stuck {
			s.script = s.script[1:]
		}
	}
	if do.act == short && s.Honest {
		do.act = tears
	}
	if do.hangs {
		s.hung++
	}
	s.last[record] = do
	return do
}

// Write implements [io.Writer]. The record is the text between the first two @ of p.
func (s *Sink) Write(p []byte) (int, error) {
	before := bytes.Clone(p)
	defer func() {
		if !bytes.Equal(before, p) {
			s.breach("%q became %q while it was being written", before, p)
		}
	}()
	return s.perform(recordIn(string(p)), len(p))
}

// Take handles a record for sinks that are not writers.
func (s *Sink) Take(record string) error {
	_, err := s.perform(record, len(record))
	return err
}

func (s *Sink) perform(record string, size int) (int, error) {
	do := s.next(record)
	if do.hangs {
		time.Sleep(hangTime)
	}
	switch do.act {
	case takes:
		return s.take(record, size, do.hangs)
	case fails:
		return 0, errDown
	case short:
		return s.tear(size, do.hangs), nil
	case tears:
		return s.tear(size, do.hangs), errDown
	case tooLarge:
		return 0, errTooLarge
	case canceled:
		return 0, fmt.Errorf("gave up: %w", context.Canceled)
	case panics:
		panic(broken)
	case exits:
		runtime.Goexit()
	case busy, lies:
	}
	return 0, errDown // unreachable
}

func (s *Sink) take(record string, size int, late bool) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, fs.ErrClosed
	}
	s.taken[record]++
	if late {
		s.lateness[record]++
	}
	return size, nil
}

func (s *Sink) tear(size int, late bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts++
	if late {
		s.lateTear++
	}
	return size / 2
}

// Sync fails, as it does for a terminal.
func (s *Sink) Sync() error { return errDown }

// Close closes the sink, which takes nothing after that.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// mend makes the sink take everything.
func (s *Sink) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = nil
}

// shut reports whether the sink has been closed.
func (s *Sink) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// did returns the sink's last step for a record.
func (s *Sink) did(record string) step {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[record]
}

// count returns how often the sink took a record.
func (s *Sink) count(record string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken[record]
}

func (s *Sink) breach(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.breaches = append(s.breaches, fmt.Sprintf(format, args...))
}

// recordIn extracts the record from a logger's output.
func recordIn(line string) string {
	if _, rest, ok := strings.Cut(line, "@"); ok {
		if record, _, ok := strings.Cut(rest, "@"); ok {
			return "@" + record + "@"
		}
	}
	return line
}
