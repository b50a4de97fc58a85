// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// judged is the verdict on two files, for as many offered records as given.
func judged(t *testing.T, offered int, sinkFile, fallbackFile string) verdict {
	t.Helper()
	tr := newTrial(defaults(), t.TempDir(), io.Discard)
	tr.load = &load{}
	tr.load.next.Store(uint64(offered))
	require.NoError(t, os.WriteFile(tr.sinkFile, []byte(sinkFile), 0o600))
	require.NoError(t, os.WriteFile(tr.fallbackFile, []byte(fallbackFile), 0o600))
	v, err := tr.judge()
	require.NoError(t, err)
	assert.Equal(t, v.offered+v.duplicated, v.primary.records+v.fallback.records+v.lost, "conservation")
	return v
}

func TestVerdict(t *testing.T) {
	cases := []struct {
		name           string
		sink, fallback string
		line, meaning  string
		wrong          bool
	}{
		{
			name: "each record once", sink: "{\"seq\":0}\n{\"seq\":3}\n", fallback: "{\"seq\":2}\n{\"seq\":1}\n",
			line: "offered=4 primary=2 fallback=2 lost=0 duplicated=0", meaning: "every record is in one of the two files",
		}, {
			name: "stored but not acknowledged", sink: "{\"seq\":0}\n{\"seq\":1}\n{\"seq\":2}\n", fallback: "{\"seq\":2}\n{\"seq\":3}\n",
			line: "offered=4 primary=3 fallback=2 lost=0 duplicated=1", meaning: "the duplicates are in both",
		}, {
			name: "torn, then in the fallback", sink: "{\"seq\":0}\n{\"seq\":1,\"ti\n{\"seq\":3}\n", fallback: "{\"seq\":1}\n{\"seq\":2}\n",
			line: "offered=4 primary=2 fallback=2 lost=0 duplicated=0 torn=1", meaning: "every record is in one",
		}, {
			name: "one lost", sink: "{\"seq\":0}\n", fallback: "{\"seq\":2}\n{\"seq\":3}\n",
			line: "offered=4 primary=1 fallback=2 lost=1 duplicated=0", meaning: "1 record is in neither file: 1", wrong: true,
		}, {
			name: "a duplicate does not make up for a loss", sink: "{\"seq\":0}\n{\"seq\":1}\n{\"seq\":2}\n", fallback: "{\"seq\":0}\n",
			line: "offered=4 primary=3 fallback=1 lost=1 duplicated=1", meaning: "in neither file", wrong: true,
		}, {
			name: "a torn record that went nowhere else", sink: "{\"seq\":0}\n{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3", fallback: "",
			line: "offered=4 primary=3 fallback=0 lost=1 duplicated=0 torn=1", meaning: "in neither file", wrong: true,
		}, {
			name: "all lost",
			line: "offered=4 primary=0 fallback=0 lost=4 duplicated=0", meaning: "4 records are in neither file: 0, 1, 2, 3", wrong: true,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			v := judged(t, 4, c.sink, c.fallback)
			assert.Equal(t, c.line, v.String())
			assert.Contains(t, v.meaning(), c.meaning)
			assert.Equal(t, c.wrong, v.isWrong())
			assert.Equal(t, c.wrong, v.problem() != nil)
		})
	}
}

func TestVerdictNamesOnlyTheFirstLostRecords(t *testing.T) {
	v := judged(t, 1000, "", "")
	assert.Contains(t, v.meaning(), "1000 records are in neither file: 0, 1, 2, 3, 4, …")
}

func TestVerdictOnARecordThatNobodyLogged(t *testing.T) {
	v := judged(t, 1, "{\"seq\":0}\n{\"seq\":1}\n", "")
	assert.True(t, v.isWrong())
	assert.Contains(t, v.meaning(), "nobody logged")
}

// With somebody's own endpoint its acknowledgements stand for the file that cannot be read.
func TestVerdictOnSomebodysEndpoint(t *testing.T) {
	s := defaults()
	s.sink = "http://127.0.0.1:1/"
	tr := newTrial(s, t.TempDir(), io.Discard)
	tr.guard, tr.load = &guard{}, &load{}
	tr.load.next.Store(10)
	tr.guard.accepted.Store(8)
	require.NoError(t, os.WriteFile(tr.fallbackFile, []byte("{\"seq\":4}\n{\"seq\":5}\n"), 0o600))

	v, err := tr.judge()
	require.NoError(t, err)
	assert.Equal(t, "offered=10 primary=8 fallback=2 lost=0 duplicated=unknown", v.String())
	assert.False(t, v.isWrong())

	tr.guard.accepted.Store(7)
	v, err = tr.judge()
	require.NoError(t, err)
	assert.Equal(t, "offered=10 primary=7 fallback=2 lost=1 duplicated=unknown", v.String())
	assert.EqualError(t, v.problem(), "1 record was neither acknowledged nor found in the fallback")
}
