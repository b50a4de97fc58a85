// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// judged is the result of a run that offered so many records and left these two files.
func judged(t *testing.T, s settings, offered, acknowledged int, sinkFile, fallbackFile string) result {
	t.Helper()
	tr := newTrial(s, contenders[len(contenders)-1], t.TempDir(), quiet{})
	require.Equal(t, ours, tr.name)
	tr.recorder = newRecorder(s.duration, tr.counters.now)
	tr.recorder.enter(phases)
	tr.counters.offered.Store(uint64(offered))
	tr.counters.acknowledged.Store(uint64(acknowledged))
	require.NoError(t, os.WriteFile(tr.sinkFile, []byte(sinkFile), 0o600))
	require.NoError(t, os.WriteFile(tr.fallbackFile, []byte(fallbackFile), 0o600))
	r, err := tr.judge()
	require.NoError(t, err)
	return r
}

func TestVerdict(t *testing.T) {
	cases := []struct {
		name           string
		sink, fallback string
		cells          []string // offered primary fallback lost duplicated late
		problem        string
	}{
		{
			name: "each record once", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":3}\n", fallback: "{\"seq\":2}\n{\"seq\":1}\n",
			cells: []string{"4", "2", "2", "0", "0", "0"},
		}, {
			name: "stored but not acknowledged", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":1}\n9 1 {\"seq\":2}\n", fallback: "{\"seq\":2}\n{\"seq\":3}\n",
			cells: []string{"4", "3", "2", "0", "1", "0"},
		}, {
			name: "stored when its caller had given up", sink: "9 1 {\"seq\":0}\n250000002 1 {\"seq\":1}\n", fallback: "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n",
			cells: []string{"4", "2", "3", "0", "1", "1"},
		}, {
			name: "torn, then in the fallback", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":1,\"ti\n9 1 {\"seq\":3}\n", fallback: "{\"seq\":1}\n{\"seq\":2}\n",
			cells: []string{"4", "2", "2", "0", "0", "0"},
		}, {
			name: "one lost", sink: "9 1 {\"seq\":0}\n", fallback: "{\"seq\":2}\n{\"seq\":3}\n",
			cells: []string{"4", "1", "2", "1", "0", "0"}, problem: "1 record is in neither file: 1",
		}, {
			name: "a duplicate does not make up for a loss", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":1}\n9 1 {\"seq\":2}\n", fallback: "{\"seq\":0}\n",
			cells: []string{"4", "3", "1", "1", "1", "0"}, problem: "1 record is in neither file: 3",
		}, {
			name: "a torn record that went nowhere else", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":1}\n9 1 {\"seq\":2}\n9 1 {\"seq\":3", fallback: "",
			cells: []string{"4", "3", "0", "1", "0", "0"}, problem: "1 record is in neither file: 3",
		}, {
			name: "nobody logged it", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":4}\n", fallback: "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n",
			cells: []string{"4", "1", "3", "0", "0", "0"}, problem: "records were found that nobody logged: 1",
		}, {
			name:  "all lost",
			cells: []string{"4", "0", "0", "4", "0", "0"}, problem: "4 records are in neither file: 0, 1, 2, 3",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := judged(t, defaults(), 4, 0, c.sink, c.fallback)
			v := r.verdict
			assert.Equal(t, c.cells, v.cells())
			assert.Equal(t, c.problem, v.problem())
			assert.Equal(t, v.offered+v.duplicated, v.primary.records+v.fallback.records+v.lost, "conservation")
			assert.Equal(t, c.problem != "", r.isWrong())
			if c.problem == "" {
				assert.NoError(t, r.problem())
				return
			}
			assert.EqualError(t, r.problem(), c.problem)
			r.name = "bare"
			assert.Equal(t, v.foreign() > 0, r.problem() != nil, "another guard may lose, but nobody may invent")
		})
	}
	assert.Len(t, verdictColumns, len(cases[0].cells))
}

func TestVerdictNamesOnlyTheFirstLostRecords(t *testing.T) {
	r := judged(t, defaults(), 1000, 0, "", "")
	assert.Equal(t, "1000 records are in neither file: 0, 1, 2, 3, 4, …", r.verdict.problem())
}

// With somebody's own endpoint its acknowledgements stand for the file that cannot be read.
func TestVerdictOnSomebodysEndpoint(t *testing.T) {
	s := defaults()
	s.sink = endpoint{lokiSink, "http://127.0.0.1:1" + pushPath}
	r := judged(t, s, 10, 8, "", "{\"seq\":4}\n{\"seq\":5}\n")
	assert.Equal(t, []string{"10", "8", "2", "0", "unknown", "unknown"}, r.verdict.cells())
	assert.NoError(t, r.problem())

	r = judged(t, s, 10, 7, "", "{\"seq\":4}\n{\"seq\":5}\n")
	assert.EqualError(t, r.problem(), "1 record can neither have been taken by the sink nor be found in the fallback")
}
