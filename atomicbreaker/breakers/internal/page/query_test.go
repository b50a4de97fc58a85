// SPDX-License-Identifier: Apache-2.0

package page

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
)

func TestParseQuery(t *testing.T) {
	for raw, want := range map[string]Query{
		"":                           {Page: 1, Format: HTML},
		"id=7":                       {Page: 1, Format: HTML, ID: 7},
		"group=a%26b&page=3":         {Page: 3, Format: HTML, Group: "a&b"},
		"name=Loki&state=half_open":  {Page: 1, Format: HTML, Name: "Loki", State: "half_open"},
		"format=json&live=1&x=y&id=": {Page: 1, Format: JSON, Live: true},
		"state=&name=&page=":         {Page: 1, Format: HTML},
	} {
		q, err := ParseQuery(raw)
		require.NoError(t, err, raw)
		require.Equal(t, want, q, raw)
	}
}

func TestParseQuery_ErrorsNameTheValueAndTheChoices(t *testing.T) {
	for raw, want := range map[string]string{
		"format=xml":  `format "xml": want html, json or text`,
		"format=":     `format "": want html, json or text`,
		"state=ajar":  `state "ajar": want open, half_open, forced_open, forced_closed or closed`,
		"id=0":        `id "0": want a number of 1 or more`,
		"id=-1":       `id "-1": want a number of 1 or more`,
		"page=0":      `page "0": want a number of 1 or more`,
		"page=last":   `page "last": want a number of 1 or more`,
		"id=%1b%5b2J": `id "\x1b[2J": want a number of 1 or more`,
		"id=%zz":      `invalid URL escape "%zz"`,
		"id=" + strings.Repeat("9", 200): `id "` + strings.Repeat("9", 100) +
			`… (200 bytes)": want a number of 1 or more`,
	} {
		_, err := ParseQuery(raw)
		require.EqualError(t, err, want, raw)
	}
}

func TestQuery_StringIsParsedToTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := Query{
			ID: rapid.Uint64().Draw(t, "id"), Group: rapid.String().Draw(t, "group"), Name: rapid.String().Draw(t, "name"),
			State:  rapid.SampledFrom(append(StateNames(), "")).Draw(t, "state"),
			Page:   rapid.IntRange(1, 1000).Draw(t, "page"),
			Format: rapid.SampledFrom([]string{HTML, JSON, Text}).Draw(t, "format"), Live: rapid.Bool().Draw(t, "live"),
		}
		text := q.String()
		require.Equal(t, "?", text[:1], "a reference that is only a query keeps the path")
		parsed, err := ParseQuery(text[1:])
		require.NoError(t, err)
		require.Equal(t, q, parsed)
	})
}

func TestQuery_Shows(t *testing.T) {
	q := Query{Name: "LOK", State: "open"}
	require.True(t, q.Shows("loki-2", atomicbreaker.Open))
	require.False(t, q.Shows("loki-2", atomicbreaker.Closed))
	require.False(t, q.Shows("otlp", atomicbreaker.Open))
	require.True(t, Query{}.Shows("otlp", atomicbreaker.ForcedClosed))
	g := Group{Name: "loki", States: States{Closed: 3, Open: 1}}
	require.True(t, q.ShowsGroup(&g))
	g.States.Open = 0
	require.False(t, q.ShowsGroup(&g))
	require.True(t, Query{}.ShowsGroup(&g))
}
