// SPDX-License-Identifier: Apache-2.0

package breakerhttp

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// pushed is the body of a push request.
type pushed struct {
	Streams []struct {
		Stream map[string]string `json:"stream"`
		Values [][2]string       `json:"values"`
	} `json:"streams"`
}

// encoderOf returns the encoder that an option sets.
func encoderOf(t require.TestingT, opt SinkOption) func([]byte) ([]byte, string, error) {
	var c sinkConfig
	opt.applyToSink(&c)
	require.Empty(t, c.errs)
	return c.encode
}

// decode reads a body as strictly as encoding/json can, and returns its labels and entries.
func decode(t require.TestingT, body []byte) (labels map[string]string, times []int64, lines []string) {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	var p pushed
	require.NoError(t, d.Decode(&p), "%s", body)
	require.True(t, utf8.Valid(body), "encoding/json accepts bad UTF-8, and others do not: %q", body)
	require.False(t, d.More())
	require.Len(t, p.Streams, 1)
	for _, v := range p.Streams[0].Values {
		at, err := strconv.ParseInt(v[0], 10, 64)
		require.NoError(t, err)
		times, lines = append(times, at), append(lines, v[1])
	}
	return p.Streams[0].Stream, times, lines
}

// linesOf returns the lines of p as they come out of JSON.
func linesOf(t require.TestingT, p string) (lines []string) {
	for line := range strings.Lines(p) {
		text, err := json.Marshal(strings.TrimSuffix(line, "\n"))
		require.NoError(t, err)
		var s string
		require.NoError(t, json.Unmarshal(text, &s))
		lines = append(lines, s)
	}
	return lines
}

func TestLoki_Body(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		encode := encoderOf(t, Loki(map[string]string{"b": "\"\xff<", "a": "x"}))
		body, contentType, err := encode([]byte("one\n{\"n\":2}\n\nlast"))
		require.NoError(t, err)
		require.Equal(t, "application/json", contentType)
		require.Equal(t, `{"streams":[{"stream":{"a":"x","b":"\"\ufffd\u003c"},"values":[`+
			`["946684800000000000","one"],["946684800000000001","{\"n\":2}"],["946684800000000002",""],["946684800000000003","last"]]}]}`, string(body))
	})
}

// No two entries of a sink have the same time, even if the clock stands still or is set back: Loki
// would drop the second of two equal lines.
func TestLoki_TimesDiffer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_700_000_000, 0)
		l := &loki{clock: func() time.Time { return now }}
		seen := map[int64]bool{}
		for range rapid.IntRange(1, 10).Draw(t, "writes") {
			now = now.Add(time.Duration(rapid.IntRange(-5, 5).Draw(t, "step")))
			n := rapid.IntRange(1, 5).Draw(t, "lines")
			l.head = []byte(`{"streams":[{"stream":{"a":"b"},"values":[`)
			body, _, err := l.encode([]byte(strings.Repeat("same\n", n)))
			require.NoError(t, err)
			_, times, lines := decode(t, body)
			require.Len(t, lines, n)
			for i, at := range times {
				require.False(t, seen[at])
				require.True(t, i == 0 || at > times[i-1], "out of order")
				require.GreaterOrEqual(t, at, now.UnixNano())
				seen[at] = true
			}
		}
	})
}

func TestLoki_LineTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		clock := time.Now().UnixNano()
		at := map[string]time.Time{
			"first": time.Unix(0, 0), "last": endOfTime.Add(-1), "past": time.Unix(-1, 999), "future": endOfTime, "ancient": {},
			"far": time.Unix(1<<60, 0),
		}
		encode := encoderOf(t, Loki(map[string]string{"a": "b"}, WithLineTime(func(line []byte) (time.Time, bool) {
			t, ok := at[string(line)]
			return t, ok
		})))
		body, _, err := encode([]byte("first\nlast\npast\nfuture\nancient\nfar\nnone\n"))
		require.NoError(t, err)
		_, times, _ := decode(t, body)
		require.Equal(t, []int64{0, endOfTime.UnixNano() - 1, clock, clock + 1, clock + 2, clock + 3, clock + 4}, times)
	})
}

// FuzzLoki requires that every line and every time comes back from the body, whatever the bytes.
func FuzzLoki(f *testing.F) {
	for _, p := range []string{
		"a\n", "a", "\n", "\n\n\n", "\r\n", "\"\\\x00\x1f\x7f\t\u2028é\U0001f600", "\xff\xc0\x80é\xe2\x80", "\xed\xa0\x80\n\xf4\x90\x80\x80",
		"{\"time\":\"2026-11-27T10:00:00.123456789Z\",\"msg\":\"x\"}\n", "\ufffd\xef\xbf",
	} {
		f.Add([]byte(p))
	}
	const start = int64(1_700_000_000_000_000_000)
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) == 0 {
			return // Write sends nothing
		}
		l := &loki{clock: func() time.Time { return time.Unix(0, start) }, lineTime: JSONTime("time"), head: []byte(`{"streams":[{"stream":{"a":"b"},"values":[`)}
		body, _, err := l.encode(p)
		require.NoError(t, err)
		labels, times, lines := decode(t, body)
		require.Equal(t, map[string]string{"a": "b"}, labels)
		require.Equal(t, linesOf(t, string(p)), lines)
		next := start
		i := 0
		for line := range strings.Lines(string(p)) {
			if at, ok := JSONTime("time")([]byte(strings.TrimSuffix(line, "\n"))); ok && at.Unix() >= 0 && at.Before(endOfTime) {
				require.Equal(t, at.UnixNano(), times[i])
			} else {
				require.Equal(t, next, times[i])
				next++
			}
			i++
		}
	})
}
