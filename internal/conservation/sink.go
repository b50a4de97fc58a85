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

// broken is what a sink panics with.
const broken = "the sink broke"

// hangTime is how long a sink hangs: longer than the lane's patience, the recovery and the probe timeout, and no multiple of
// any, so that no two things happen at one instant by mere arithmetic.
const hangTime = 3*time.Second + 7*time.Microsecond

// act is what a sink does with a record.
type act int

const (
	takes act = iota
	fails
	short     // takes a part and says nothing
	tears     // takes a part and fails
	tooLarge  // fails, and it is the record's fault
	cancelled // fails, and it is the caller's doing
	panics
	exits // runtime.Goexit

	// Only a File does these.
	busy // fails, and says nothing of the sink
	lies // fails, and returns what no io.Writer returns
)

// step is one act, done after a long time if the sink hangs.
type step struct {
	act   act
	hangs bool
}

// Sink does with each record what its script says, and takes everything once that is over. It keeps what it took, and
// looks how it is called.
type Sink struct {
	// Honest says that it never takes a part without an error, because the adapter could not see it.
	Honest bool

	mu       sync.Mutex
	script   []step
	stuck    bool // does the script's last step for ever
	closed   bool
	last     map[string]step // what it did last with a record
	taken    map[string]int  // records that it took whole
	lateness map[string]int  // those of them for which it hung first
	parts    int             // how often it took a part of one
	lateTear int             // those of them for which it hung first
	hung     uint64
	breaches []string
}

func newSink(script []step) *Sink {
	return &Sink{script: script, last: map[string]step{}, taken: map[string]int{}, lateness: map[string]int{}}
}

// next reads the script.
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

// Write makes the sink an io.Writer. The record is what stands between the first two @ of p.
func (s *Sink) Write(p []byte) (int, error) {
	before := bytes.Clone(p)
	defer func() {
		if !bytes.Equal(before, p) {
			s.breach("%q became %q while it was being written", before, p)
		}
	}()
	return s.perform(recordIn(string(p)), len(p))
}

// Take makes the sink anything else.
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
	case cancelled:
		return 0, fmt.Errorf("gave up: %w", context.Canceled)
	case panics:
		panic(broken)
	case exits:
		runtime.Goexit()
	case busy, lies:
	}
	return 0, errDown // no sink gets here
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

// Sync fails as a terminal's does.
func (s *Sink) Sync() error { return errDown }

// Close closes the sink: it takes nothing from now on.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

// mend lets the sink take everything.
func (s *Sink) mend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = nil
}

// shut says whether the sink has been closed.
func (s *Sink) shut() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// did returns what the sink did last with a record.
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

// recordIn returns the record in what a logger made of it.
func recordIn(line string) string {
	if _, rest, ok := strings.Cut(line, "@"); ok {
		if record, _, ok := strings.Cut(rest, "@"); ok {
			return "@" + record + "@"
		}
	}
	return line
}
