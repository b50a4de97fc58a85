// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// Loki encodes the lines of a write for the push API of Grafana Loki, as JSON: one stream with the
// given labels, of which there must be at least one, and one entry for each line. The URL of the
// Sink ends with /loki/api/v1/push. See [WithHeader] for X-Scope-OrgID.
//
// By default the time of an entry is the time at which it is encoded, and no two entries of a Sink
// have the same time, because Loki drops an entry that has the time and the text of another one of
// its stream. [WithLineTime] takes the times from the lines.
//
// Bytes that are not valid UTF-8 become U+FFFD.
//
// Loki answers 400 if it did not accept some of the entries, for example because they are too old,
// even if it stored the others. The whole write then goes to the fallback as a record error, so the
// entries that were stored are in both.
func Loki(labels map[string]string, opts ...LokiOption) SinkOption {
	l := &loki{clock: time.Now}
	for _, opt := range opts {
		opt(l)
	}
	err := checkLabels(labels)
	if err == nil {
		var text []byte
		text, err = json.Marshal(labels)
		l.head = fmt.Appendf(nil, `{"streams":[{"stream":%s,"values":[`, text)
	}
	return sinkOption(func(c *sinkConfig) {
		if err != nil {
			c.errs = append(c.errs, err)
			return
		}
		c.encode = l.encode
	})
}

// LokiOption configures [Loki]. If an option is repeated, the last one wins.
type LokiOption func(*loki)

// WithLineTime sets a function that reads the time of an entry from its line, which has no newline.
// If f returns false, or a time before 1970 or after 2262, the entry gets the current time. f must
// be safe for concurrent use. [JSONTime] returns such functions.
//
// If the times are coarse, Loki drops lines that are equal and have equal times. If they are older
// than the newest entry of the stream by more than an hour, Loki's default configuration answers
// 400.
func WithLineTime(f func(line []byte) (t time.Time, ok bool)) LokiOption {
	return func(l *loki) { l.lineTime = f }
}

func checkLabels(labels map[string]string) error {
	if len(labels) == 0 {
		return fmt.Errorf("Loki(%v): want at least one label", labels)
	}
	for name := range labels {
		if !isLabel(name) {
			return fmt.Errorf("label %q: want letters, digits and _, and no digit first", name)
		}
	}
	return nil
}

func isLabel(name string) bool {
	for i, c := range name {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '_':
		case '0' <= c && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return name != ""
}

// loki is the encoder of Loki.
type loki struct {
	head     []byte
	lineTime func([]byte) (time.Time, bool)
	clock    func() time.Time

	mu   sync.Mutex
	next int64 // the least time, in nanoseconds since 1970, that no entry has yet
}

func (l *loki) encode(lines []byte) ([]byte, string, error) {
	n := bytes.Count(lines, newline) + 1
	const entry = len(`["1700000000000000000",""],`)
	b := make([]byte, 0, len(l.head)+len(lines)+len(lines)/8+n*entry+len(`]}]}`))
	b = append(b, l.head...)
	now := l.reserve(n)
	for line := range bytes.Lines(lines) {
		line = bytes.TrimSuffix(line, newline)
		b = append(b, `["`...)
		b = strconv.AppendInt(b, l.timeOf(line, &now), 10)
		b = append(b, `","`...)
		b = appendEscaped(b, line)
		b = append(b, `"],`...)
	}
	b = append(b[:len(b)-len(`,`)], `]}]}`...)
	return b, "application/json", nil
}

var newline = []byte("\n")

// reserve returns the first of n times, a nanosecond apart, that no other entry has.
func (l *loki) reserve(n int) int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := max(l.clock().UnixNano(), l.next)
	l.next = first + int64(n)
	return first
}

// timeOf returns the time of a line, or takes the next one that is reserved.
func (l *loki) timeOf(line []byte, now *int64) int64 {
	if l.lineTime != nil {
		if t, ok := l.lineTime(line); ok && t.Unix() >= 0 && t.Before(endOfTime) {
			return t.UnixNano()
		}
	}
	*now++
	return *now - 1
}

// endOfTime is before the last instant that UnixNano can represent.
var endOfTime = time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC)
