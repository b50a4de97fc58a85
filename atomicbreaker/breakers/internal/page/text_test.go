// SPDX-License-Identifier: Apache-2.0

package page

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

func TestText_ALineForEachObject(t *testing.T) {
	oldest := noon.Add(-time.Hour)
	require.Equal(t, `breaker at=2026-11-27T12:00:00Z id=3 name=loki group="" state=open probe_due=false`+
		` since=2026-11-27T11:59:00Z cause=tripped last_error="disk full" retry_after_seconds=1.5 failures=5 attempt=0`+
		` generation=1 half_open_calls=0 half_open_successes=0 transitions_total=1 not_closed_seconds=60`+
		` backlog.records=2 backlog.bytes=99 backlog.oldest=2026-11-27T11:00:00Z backlog.appended=0 backlog.replayed=0`+
		` backlog.repeated=0 backlog.dropped=0 backlog.corrupt=0 options="failures=5"
part type=*scene.batches batches.records=7 batches.batches=0 batches.waiting_bytes=0 batches.overflowed=0
transition from=closed to=open cause=tripped count=1
history at=2026-11-27T11:59:00Z from=closed to=open cause=tripped generation=1 failures=5 attempt=0 error="disk full"
`, string(AsText(Detail{
		At: noon, Breaker: Breaker{
			ID: 3, Name: "loki", State: atomicbreaker.Open, Since: noon.Add(-time.Minute), Cause: "tripped",
			LastError: "disk full", RetryAfter: Seconds(1500 * time.Millisecond), Failures: 5, Generation: 1, Total: 1,
			NotClosed: Seconds(time.Minute), Backlog: &Backlog{Records: 2, Bytes: 99, Oldest: &oldest},
		},
		Options:     "failures=5",
		Parts:       []Part{{Type: "*scene.batches", Batches: &Batches{Records: 7}}},
		Transitions: []Count{{atomicbreaker.Closed, atomicbreaker.Open, "tripped", 1}},
		History: []Transition{{
			At: noon.Add(-time.Minute), From: atomicbreaker.Closed, To: atomicbreaker.Open, Cause: "tripped", Generation: 1,
			Failures: 5, Error: "disk full",
		}},
	})))
	require.Equal(t, `overview at=2026-11-27T12:00:00Z counts.closed=0 counts.open=2 counts.half_open=0 counts.forced_open=0 counts.forced_closed=0
`, string(AsText(Overview{At: noon, Counts: States{Open: 2}})))
	require.Equal(t, "error at=2026-11-27T12:00:00Z error=\"it is gone\"\n", string(AsText(Gone{At: noon, What: "it is gone"})))
}

// The lines have no other fields than the JSON objects.
func TestText_HasTheFieldsOfJSON(t *testing.T) {
	view := GroupView{
		At: noon, Group: Group{Writes: &Writes{}, Backlog: &Backlog{Oldest: &noon}},
		Breakers: []Breaker{{Name: "a"}},
	}
	body, err := AsJSON(view)
	require.NoError(t, err)
	var object map[string]any
	require.NoError(t, json.Unmarshal(body, &object))
	var want []string
	var flatten func(prefix string, object map[string]any)
	flatten = func(prefix string, object map[string]any) {
		for name, value := range object {
			switch value := value.(type) {
			case map[string]any:
				flatten(prefix+name+".", value)
			case []any:
			default:
				want = append(want, prefix+name)
			}
		}
	}
	flatten("", object)
	line, _, _ := strings.Cut(string(AsText(view)), "\n")
	var have []string
	for _, field := range strings.Fields(line)[1:] {
		name, _, _ := strings.Cut(field, "=")
		have = append(have, name)
	}
	slices.Sort(want)
	slices.Sort(have)
	require.Equal(t, want, have)
}

func TestJSON_Durations(t *testing.T) {
	body, err := json.Marshal(Breaker{RetryAfter: Seconds(1234567 * time.Microsecond), NotClosed: Seconds(90 * 24 * time.Hour)})
	require.NoError(t, err)
	require.Contains(t, string(body), `"retry_after_seconds":1.234567,`)
	require.Contains(t, string(body), `"not_closed_seconds":7776000,`)
	require.Contains(t, string(body), `"writes":null`)
}

// Whatever a name and an error contain, a line is one line of printable characters, and its fields
// are those of a harmless name.
func TestText_NothingIsInjected(t *testing.T) {
	fields := regexp.MustCompile(` ([a-z_.]+)=("(?:[^"\\]|\\.)*"|\S+)`)
	rapid.Check(t, func(t *rapid.T) {
		evil := rapid.StringOf(rapid.SampledFrom([]rune("a \n\r\t\"\\=\x1b\u009b\u202e\u2028é\x00")))
		view := Overview{At: noon, Breakers: []Breaker{{
			Name: evil.Draw(t, "name") + string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")), Group: evil.Draw(t, "group"),
			LastError: evil.Draw(t, "error"),
		}}}
		text := string(AsText(view))
		require.Equal(t, 2, strings.Count(text, "\n"))
		require.False(t, strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), func(r rune) bool { return !unicode.IsPrint(r) }))
		line := strings.Split(text, "\n")[1]
		rest := strings.TrimPrefix(line, "breaker")
		var names []string
		for _, f := range fields.FindAllStringSubmatch(line, -1) {
			names = append(names, f[1])
			rest = strings.Replace(rest, f[0], "", 1)
		}
		require.Empty(t, rest)
		require.Equal(t, []string{
			"id", "name", "group", "state", "probe_due", "since", "cause", "last_error", "retry_after_seconds", "failures",
			"attempt", "generation", "half_open_calls", "half_open_successes", "transitions_total", "not_closed_seconds",
		}, names)
	})
}
