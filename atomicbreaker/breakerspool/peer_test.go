// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"strings"
	"sync"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// peer is what the connections of the Writer and of Replay lead to. Each write on either takes the
// next step of its script.
type peer struct {
	mu     sync.Mutex
	script []peerStep
}

type peerStep struct {
	act  int // 0, 1: takes; 2: fails; 3: tears; 4: takes and fails; 5: is busy
	part int
}

// connection counts records. The sink has each one as often as the connection took it, or kept it.
type connection struct {
	*peer
	text  bytes.Buffer
	taken map[string]int // and said so
	kept  map[string]int // and did not say so
	torn  []string       // ends of writes that were cut inside a record
}

func newConnection(p *peer) *connection {
	return &connection{peer: p, taken: map[string]int{}, kept: map[string]int{}}
}

func (c *connection) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { note(c.taken, p[:n]) }()
	step := peerStep{}
	if len(c.script) > 0 {
		step, c.script = c.script[0], c.script[1:]
	}
	switch step.act {
	case 2:
		return 0, errDown
	case 3:
		part := step.part % len(p)
		c.text.Write(p[:part])
		switch end := string(p[bytes.LastIndexByte(p[:part], '\n')+1 : part]); {
		case isWhole(end): // it lacks the newline alone
			c.kept[end]++
		case end != "":
			c.torn = append(c.torn, end)
		}
		return part, errDown
	case 4:
		c.text.Write(p)
		note(c.kept, p)
		return 0, errDown
	case 5:
		return 0, breakerio.ErrBusy
	}
	c.text.Write(p)
	return len(p), nil
}

// read counts the records that the sink has, and returns the lines that are none.
func (c *connection) read() (records map[string]int, torn []string) {
	records = map[string]int{}
	for line := range strings.Lines(c.text.String()) {
		switch line = strings.TrimSuffix(line, "\n"); {
		case isWhole(line):
			records[line]++
		case line != "": // the newline that repairs a tear may come twice
			torn = append(torn, line)
		}
	}
	return records, torn
}

// note counts the records of p that end with a newline.
func note(records map[string]int, p []byte) {
	for line := range strings.Lines(string(p)) {
		if record, ends := strings.CutSuffix(line, "\n"); ends && record != "" {
			records[record]++
		}
	}
}

// isWhole reports whether a line is a record. Two that are glued are none.
func isWhole(line string) bool {
	return strings.HasPrefix(line, "<") && strings.HasSuffix(line, ">") && strings.Count(line, "<") == 1
}

// notedSpool is a spool that counts the records that it acknowledges.
type notedSpool struct {
	*breakerspool.Spool
	mu       sync.Mutex
	appended map[string]int
}

func (s *notedSpool) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := s.Spool.Write(p)
	note(s.appended, p[:n])
	return n, err
}

// drained is the connection of Replay. It knows which records arrive before their turn.
type drained struct {
	*connection
	spool   *notedSpool
	offered map[string]bool
	again   uint64          // records that were offered before
	early   map[string]bool // taken before an older one, or after a limit had dropped them
	broken  error           // of reading the spool
}

func (d *drained) Write(p []byte) (int, error) {
	d.spool.mu.Lock() // no limit drops a record now
	defer d.spool.mu.Unlock()
	due := d.due(bytes.Count(p, []byte("\n")))
	taken := map[string]bool{}
	for r := range d.taken {
		taken[r] = true
	}
	n, err := d.connection.Write(p)
	offers, takes := map[string]int{}, map[string]int{}
	note(offers, p)
	note(takes, p[:n])
	for r := range offers {
		if d.offered[r] {
			d.again++
		}
		d.offered[r] = true
	}
	for r := range takes {
		if !taken[r] && !due[r] {
			d.early[r] = true
		}
	}
	return n, err
}

// due returns the first records of the spool that were not taken, at most so many.
func (d *drained) due(most int) map[string]bool {
	due := map[string]bool{}
	for r, err := range d.spool.Records() {
		if err != nil {
			d.broken = err
		}
		for line := range strings.Lines(string(r.Data)) {
			if record := strings.TrimSuffix(line, "\n"); d.taken[record] == 0 {
				due[record] = true
			}
			if len(due) >= most {
				return due
			}
		}
	}
	return due
}
