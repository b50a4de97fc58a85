// SPDX-License-Identifier: Apache-2.0

package breakerspool

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// sinkText returns the record as the sink gets it.
func (r *modelRecord) sinkText(label bool) string {
	if !label {
		return r.text
	}
	return "replayed " + r.text
}

// The function of WithTransform filters some records and panics for some.
func (r *modelRecord) isFiltered(label bool) bool { return label && r.id%7 == 3 }
func (r *modelRecord) isBroken(label bool) bool   { return label && r.id%11 == 5 }

func transformModel(r Record) []byte {
	var id int
	_, _ = fmt.Sscanf(string(r.Data), "#%d ", &id)
	m := modelRecord{id: id, text: string(r.Data)}
	switch {
	case m.isFiltered(true):
		return nil
	case m.isBroken(true):
		panic("no such field")
	}
	return []byte(strings.TrimSuffix(m.sinkText(true), "\n")) // Replay adds the newline
}

// stepKind is what the sink does with a write.
type stepKind int

const (
	sinkTakes stepKind = iota
	sinkFails
	sinkTears   // takes a part, and returns an error
	sinkShort   // takes a part, and returns none
	sinkLies    // returns a negative number, or too large a one, with an error
	sinkExceeds // returns too large a number without an error
	sinkPanics
	sinkBusy
	sinkSteps
)

type sinkStep struct {
	kind  stepKind
	part  int
	hangs bool
}

var (
	errModelDown   = errors.New("down")
	errModelRecord = errors.New("malformed")
)

// Write is the sink.
func (m *model) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	items, kind := m.recognize(string(p))
	repair := m.torn && len(p) > 0 && p[0] == '\n'
	if items == nil {
		return len(p), nil
	}
	for _, r := range items {
		r.inFlight = true
	}
	step := sinkStep{}
	if len(m.script) > 0 {
		step, m.script = m.script[0], m.script[1:]
	}
	// With filtered records, the model cannot tell which ones are in flight.
	if step.hangs && !m.label {
		released := make(chan struct{})
		m.hung = released
		m.mu.Unlock()
		<-released
		m.mu.Lock()
	}
	for _, r := range items {
		if r.offered {
			m.repeated++
		}
		r.offered, r.inFlight = true, false
	}
	return m.perform(step, p, repair, items, kind)
}

// recognize finds the records of a write among those that are pending.
func (m *model) recognize(p string) (items []*modelRecord, kind writeKind) {
	whole := p
	if m.torn {
		if !strings.HasPrefix(p, "\n") {
			m.wrong("the sink is torn, and got %.40q", p)
			return nil, 0
		}
		p = p[1:]
	}
	head := slices.IndexFunc(m.pending, func(r *modelRecord) bool { return !r.isAhead && !r.isLost })
	if head < 0 {
		m.wrong("nothing is pending, and the sink got %.40q", p)
		return nil, 0
	}
	rest := p
	for _, r := range m.pending[head:] {
		if r.isFiltered(m.label) {
			continue
		}
		after, ok := strings.CutPrefix(rest, r.sinkText(m.label))
		if !ok || rest == "" {
			break
		}
		rest, items = after, append(items, r)
	}
	if rest != "" {
		items, kind = m.recognizeTrial(head, p)
	}
	if len(items) == 0 {
		m.wrong("not in order: the sink got %.40q, the oldest record is %.40q", p, m.pending[head].text)
		return nil, 0
	}
	first := items[0]
	for _, r := range items {
		switch {
		case r.isBroken(m.label):
			m.wrong("the sink got a record for which the function of WithTransform panicked")
		case m.batch == 0 && r.frame != first.frame:
			m.wrong("two writes were joined without WithBatch")
		case len(items) > 1 && !r.lines:
			m.wrong("a record without a newline was joined")
		case m.config.maxAge > 0 && time.Since(r.written) > m.config.maxAge:
			m.wrong("the sink got a record that is %v old", time.Since(r.written))
		}
	}
	if m.batch > 0 && len(items) > 1 && len(whole) > m.batch {
		m.wrong("WithBatch(%d): a write of %d records has %d bytes", m.batch, len(items), len(whole))
	}
	return items, kind
}

// recognizeTrial finds a record that is written before its turn.
func (m *model) recognizeTrial(head int, p string) ([]*modelRecord, writeKind) {
	suspect := m.pending[head]
	kind := ahead
	for _, r := range m.pending[head+1:] {
		if r.isAhead {
			continue
		}
		if !r.isFiltered(m.label) && r.sinkText(m.label) == p {
			if suspect.inRow < trialAfter && suspect.refusals < 1 {
				m.wrong("%.20q is a trial, and %.20q was refused %d times", p, suspect.text, suspect.inRow)
			}
			return []*modelRecord{r}, kind
		}
		kind = further
	}
	return nil, inOrder
}

// perform does what the sink does, and settles what it takes.
func (m *model) perform(step sinkStep, p []byte, repair bool, items []*modelRecord, kind writeKind) (n int, err error) {
	n, err = len(p), nil
	for _, r := range items {
		if e := m.poisoned[r.id]; e != nil && step.kind != sinkBusy && step.kind != sinkPanics {
			step, n, err = sinkStep{kind: sinkFails}, 0, e
		}
	}
	part := step.part % len(p)
	switch step.kind {
	case sinkTakes, sinkSteps:
	case sinkFails:
		if err == nil {
			n, err = 0, errModelDown
		}
	case sinkTears:
		n, err = part, errModelDown
	case sinkShort:
		n = part
	case sinkLies:
		if n, err = len(p)+step.part%2, errModelDown; step.part%3 == 0 {
			n = -1
		}
	case sinkExceeds:
		n = len(p) + 1
	case sinkPanics:
		m.settle(items, kind, 0, errModelDown)
		panic("the sink broke")
	case sinkBusy:
		n, err = 0, fmt.Errorf("later: %w", breakerio.ErrBusy)
	}
	taken := 0
	switch kept := n; {
	case err == nil && n >= len(p):
		taken, m.torn = len(items), false
	case n > 0 && n < len(p):
		if repair {
			kept, m.torn = kept-1, false
		}
		if items[0].lines && kept > 0 {
			text := p[len(p)-total(items, m.label):]
			m.torn = text[kept-1] != '\n'
			for end := 0; taken < len(items); taken++ {
				if end += len(items[taken].sinkText(m.label)); end > kept {
					break
				}
			}
		}
	}
	failed := err
	if err == nil && n < len(p) {
		failed = errModelDown
	}
	m.settle(items, kind, taken, failed)
	return n, err
}

func total(items []*modelRecord, label bool) (n int) {
	for _, r := range items {
		n += len(r.sinkText(label))
	}
	return n
}

// settle takes the outcome of a write.
func (m *model) settle(items []*modelRecord, kind writeKind, taken int, err error) {
	if m.dead() {
		m.limbo = items
	}
	m.lastOnly, m.lastErr = nil, err
	for _, r := range items[:taken] {
		r.taken++
		r.inRow = 0
	}
	if taken > 0 && kind != further && !m.dead() {
		m.replayed += uint64(taken)
		if kind == ahead {
			items[0].isAhead = true
		} else {
			m.forget(items[:taken])
		}
	}
	if err == nil {
		m.success++
		return
	}
	if left := items[taken:]; len(left) == 1 && kind == inOrder {
		r := left[0]
		m.lastOnly = r
		if errors.Is(err, breakerio.ErrBusy) || m.judges && errors.Is(err, errModelRecord) {
			return
		}
		if r.inRow++; r.refusals == 0 || m.success > r.mark {
			r.refusals++
			r.mark = m.success
		}
	}
	if m.judges && errors.Is(err, errModelRecord) && kind != inOrder {
		m.success++ // the sink has answered
	}
}

func (m *model) dead() bool {
	m.disk.mu.Lock()
	defer m.disk.mu.Unlock()
	return m.disk.dead
}

// forget removes records that are settled. While the disk is full, they may come back after a
// crash.
func (m *model) forget(records []*modelRecord) {
	m.disk.mu.Lock()
	full := m.disk.full
	m.disk.mu.Unlock()
	if !full {
		m.unsure = nil
	}
	for _, r := range records {
		i := slices.Index(m.pending, r)
		if i < 0 {
			continue // dropped by a limit meanwhile
		}
		m.pending = slices.Delete(m.pending, i, i+1)
		if full {
			m.unsure = append(m.unsure, r)
		}
	}
	for len(m.pending) > 0 && m.pending[0].isAhead {
		m.unsure = append(m.unsure, m.pending[0])
		m.pending = m.pending[1:]
	}
}
