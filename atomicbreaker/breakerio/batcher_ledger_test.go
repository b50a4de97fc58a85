// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"time"
)

// What a sink does with a batch.
const (
	takesAll = iota
	failsAll
	takesPart
	panics
	exits
)

// hangs is longer than the timeouts of Sync, Close and the lane.
const hangs = 17 * time.Second

type batchStep struct {
	deed  int
	part  int // in percent
	hangs bool
}

// ledger keeps where each record went. A record is the text between two @.
type ledger struct {
	mu       sync.Mutex
	accepted map[string]bool
	refused  map[string]bool // by a closed Batcher
	primary  map[string]int
	fallback map[string]int
	lost     map[string]int
	twice    map[string]bool // may be in both, because its batch was torn or hung
	offered  [][]string      // the batches that the primary got
	wrong    []string
}

func (l *ledger) complain(format string, args ...any) {
	l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
}

// whole returns the records that are complete in p.
func whole(p []byte) (records []string) {
	for line := range strings.Lines(string(p)) {
		if fields := strings.Split(line, "@"); len(fields) == 3 && strings.HasSuffix(line, "|\n") {
			records = append(records, fields[1])
		}
	}
	return records
}

// settled reports whether a record has left memory.
func (l *ledger) settled(record string) bool {
	return l.primary[record]+l.fallback[record]+l.lost[record] > 0
}

// scripted is a sink that follows a script and then takes everything.
type scripted struct {
	ledger  *ledger
	taken   map[string]int
	script  []batchStep
	primary bool
	closed  bool
}

func (s *scripted) Write(p []byte) (int, error) {
	var do batchStep
	records := whole(p)
	func() {
		s.ledger.mu.Lock()
		defer s.ledger.mu.Unlock()
		if len(s.script) > 0 {
			do, s.script = s.script[0], s.script[1:]
		}
		if s.primary {
			s.ledger.offered = append(s.ledger.offered, records)
		}
		if do.hangs {
			for _, record := range records {
				s.ledger.twice[record] = true
			}
		}
	}()
	if do.hangs {
		time.Sleep(hangs)
	}
	switch do.deed {
	case failsAll:
		return 0, errDown
	case panics:
		panic("sink")
	case exits:
		runtime.Goexit()
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	if s.closed {
		return 0, fs.ErrClosed
	}
	n := len(p)
	var err error
	if do.deed == takesPart {
		n, err = n*do.part/100, errDown
	}
	for _, record := range whole(p[:n]) {
		s.taken[record]++
	}
	return n, err
}

func (s *scripted) Close() error {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.closed = true
	return nil
}
