// SPDX-License-Identifier: Apache-2.0

package measure

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

func TestReadRecords(t *testing.T) {
	padding := strings.Repeat("x", 200_000) // more than the reader's buffer
	cases := []struct {
		name, file string
		want       Contents
		seen       Tally
	}{
		{"empty", "", Contents{}, Tally{0, 0, 0}},
		{"all", "{\"seq\":0}\n{\"seq\":1}\n{\"seq\":2}\n", Contents{Records: 3}, Tally{1, 1, 1}},
		{
			"in any order, with other fields",
			"{\"msg\":\"a\",\"seq\":2}\n{\"seq\":0,\"msg\":\"b\"}\n",
			Contents{Records: 2},
			Tally{1, 0, 1},
		},
		{"twice", "{\"seq\":1}\n{\"seq\":1}\n", Contents{Records: 2}, Tally{0, 2, 0}},
		{
			"torn at the end", "{\"seq\":0}\n{\"seq\":1,\"ms",
			Contents{Records: 1, Torn: 1},
			Tally{1, 0, 0},
		},
		{
			"torn in the number", "{\"seq\":0}\n{\"seq\":1",
			Contents{Records: 1, Torn: 1},
			Tally{1, 0, 0},
		},
		{
			"torn between two runs of the sink", "{\"seq\":0,\"m\n{\"seq\":1}\n",
			Contents{Records: 1, Torn: 1},
			Tally{0, 1, 0},
		},
		{
			"only the newline is missing", "{\"seq\":0}\n{\"seq\":1}",
			Contents{Records: 2},
			Tally{1, 1, 0},
		},
		{"two glued together", "{\"seq\":0}{\"seq\":1}\n", Contents{Torn: 1}, Tally{0, 0, 0}},
		{
			"no number", "{\"msg\":\"a\"}\n{\"seq\":-1}\n{\"seq\":null}\n",
			Contents{Torn: 3},
			Tally{0, 0, 0},
		},
		{"never offered", "{\"seq\":3}\n", Contents{foreign: 1}, Tally{0, 0, 0}},
		{
			"stamped by the sink", "2000000000 1000000000 {\"seq\":0}\n",
			Contents{Records: 1},
			Tally{1, 0, 0},
		},
		{
			"late by a nanosecond", "2000000001 1000000000 {\"seq\":0}\n",
			Contents{Records: 1, Late: 1},
			Tally{1, 0, 0},
		},
		{"torn in the first stamp", "20000", Contents{Torn: 1}, Tally{0, 0, 0}},
		{"torn in the second stamp", "2000000000 100", Contents{Torn: 1}, Tally{0, 0, 0}},
		{
			"torn behind the stamps", "2000000000 1000000000 {\"se\n9 1 {\"seq\":1}\n",
			Contents{Records: 1, Torn: 1},
			Tally{0, 1, 0},
		},
		{
			"long", "{\"msg\":\"" + padding + "\",\"seq\":1}\n{\"seq\":2}\n",
			Contents{Records: 2},
			Tally{0, 1, 1},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			seen := make(Tally, 3)
			got, err := ReadRecords(strings.NewReader(c.file), seen, time.Second)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
			assert.Equal(t, c.seen, seen)
		})
	}
}

func TestReadBackOfAFileThatIsNotThere(t *testing.T) {
	got, err := ReadBack(filepath.Join(t.TempDir(), "sink.jsonl"), make(Tally, 1), time.Second)
	require.NoError(t, err)
	assert.Equal(t, Contents{}, got)

	_, err = ReadBack(t.TempDir(), make(Tally, 1), time.Second)
	assert.Error(t, err, "a directory cannot be read, and that is not the same as empty")
}

func TestTallyCountsSaturate(t *testing.T) {
	seen := make(Tally, 1)
	file := strings.NewReader(strings.Repeat("{\"seq\":0}\n", 256))
	got, err := ReadRecords(file, seen, time.Second)
	require.NoError(t, err)
	assert.Equal(t, 256, got.Records)
	assert.EqualValues(t, 255, seen[0], "256 copies must not count as none")
}

// What a killed sink left half-written must not swallow the first record of the next one.
func TestOpenRecordsEndsATornLine(t *testing.T) {
	for before, want := range map[string]string{
		"":                             "{\"seq\":1}\n",
		"{\"seq\":0}\n":                "{\"seq\":0}\n{\"seq\":1}\n",
		"{\"seq\":0}\n{\"seq\":7,\"ti": "{\"seq\":0}\n{\"seq\":7,\"ti\n{\"seq\":1}\n",
	} {
		path := filepath.Join(t.TempDir(), "records.jsonl")
		require.NoError(t, os.WriteFile(path, []byte(before), 0o600))
		file, err := sink.OpenRecords(path)
		require.NoError(t, err)
		_, err = file.WriteString("{\"seq\":1}\n")
		require.NoError(t, err)
		require.NoError(t, file.Close())
		got, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, want, string(got))
	}
}
