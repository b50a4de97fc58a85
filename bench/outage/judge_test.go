// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// judged is the result of a run that offered so many records and left these two files.
func judged(t *testing.T, s settings, offered int, acknowledged []int, sinkFile, fallbackFile string) measure.Result {
	t.Helper()
	tr := newTrial(s, contenders[len(contenders)-1], t.TempDir(), quiet{})
	require.Equal(t, atomicBreaker, tr.Name)
	tr.recorder = measure.NewRecorder(s.Duration, tr.counters.Now)
	tr.recorder.Enter(measure.Phases)
	tr.counters.Offered.Store(uint64(offered))
	for _, seq := range acknowledged {
		tr.taken.Add(fmt.Appendf(nil, "{\"level\":\"info\",\"seq\":%d,\"item\":\"anvil\"}\n", seq))
	}
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
		cells          [6]int // offered primary fallback lost duplicated late
		problem        string
	}{
		{
			name: "each record once", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":3}\n", fallback: "{\"seq\":2}\n{\"seq\":1}\n",
			cells: [6]int{4, 2, 2, 0, 0, 0},
		}, {
			name: "stored but not acknowledged", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":1}\n9 1 {\"seq\":2}\n", fallback: "{\"seq\":2}\n{\"seq\":3}\n",
			cells: [6]int{4, 3, 2, 0, 1, 0},
		}, {
			name: "stored when its caller had given up", sink: "9 1 {\"seq\":0}\n250000002 1 {\"seq\":1}\n", fallback: "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n",
			cells: [6]int{4, 2, 3, 0, 1, 1},
		}, {
			name: "torn, then in the fallback", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":1,\"ti\n9 1 {\"seq\":3}\n", fallback: "{\"seq\":1}\n{\"seq\":2}\n",
			cells: [6]int{4, 2, 2, 0, 0, 0},
		}, {
			name: "one lost", sink: "9 1 {\"seq\":0}\n", fallback: "{\"seq\":2}\n{\"seq\":3}\n",
			cells: [6]int{4, 1, 2, 1, 0, 0}, problem: "1 record is in neither file: 1",
		}, {
			name: "a duplicate does not make up for a loss", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":1}\n9 1 {\"seq\":2}\n", fallback: "{\"seq\":0}\n",
			cells: [6]int{4, 3, 1, 1, 1, 0}, problem: "1 record is in neither file: 3",
		}, {
			name: "a torn record that went nowhere else", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":1}\n9 1 {\"seq\":2}\n9 1 {\"seq\":3", fallback: "",
			cells: [6]int{4, 3, 0, 1, 0, 0}, problem: "1 record is in neither file: 3",
		}, {
			name: "nobody logged it", sink: "9 1 {\"seq\":0}\n9 1 {\"seq\":4}\n", fallback: "{\"seq\":1}\n{\"seq\":2}\n{\"seq\":3}\n",
			cells: [6]int{4, 1, 3, 0, 0, 0}, problem: "records were found that nobody logged: 1",
		}, {
			name:  "all lost",
			cells: [6]int{4, 0, 0, 4, 0, 0}, problem: "4 records are in neither file: 0, 1, 2, 3",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := judged(t, defaults(), 4, nil, c.sink, c.fallback)
			v := r.Verdict
			assert.Equal(t, c.cells, cells(v))
			assert.Equal(t, c.problem, v.Problem())
			assert.Equal(t, v.Offered+v.Duplicated, v.Primary.Records+v.Fallback.Records+v.Lost, "conservation")
			assert.Equal(t, c.problem != "", r.IsWrong())
			if c.problem == "" {
				assert.NoError(t, r.Problem())
				return
			}
			assert.EqualError(t, r.Problem(), c.problem)
			r.IsJudged = false
			assert.Equal(t, v.Foreign() > 0, r.Problem() != nil, "another guard may lose, but nobody may invent")
		})
	}
}

func TestVerdictNamesOnlyTheFirstLostRecords(t *testing.T) {
	r := judged(t, defaults(), 1000, nil, "", "")
	assert.Equal(t, "1000 records are in neither file: 0, 1, 2, 3, 4, …", r.Verdict.Problem())
}

// With somebody's own endpoint its acknowledgements stand for the file that cannot be read. One
// record may be in both: a probe, or what was acknowledged too late.
func TestVerdictOnSomebodysEndpoint(t *testing.T) {
	s := defaults()
	s.Sink = sink.Endpoint{Kind: sink.Loki, Where: "http://127.0.0.1:1" + sink.PushPath}
	r := judged(t, s, 5, []int{0, 1, 3, 4}, "", "{\"seq\":2}\n{\"seq\":4}\n")
	assert.Equal(t, [6]int{5, 4, 2, 0, 1, 0}, cells(r.Verdict))
	assert.NoError(t, r.Problem())

	r = judged(t, s, 5, []int{0, 1, 4}, "", "{\"seq\":2}\n{\"seq\":4}\n")
	assert.Equal(t, [6]int{5, 3, 2, 1, 1, 0}, cells(r.Verdict), "a duplicate does not make up for a loss")
	assert.EqualError(t, r.Problem(), "1 record was neither acknowledged by the sink nor found in the fallback: 3")
}

func TestAcknowledgementsReadTheNumberOfARecord(t *testing.T) {
	for _, kind := range loggerKinds {
		var a measure.Acknowledgements
		log := newLogger(kind, writerFunc(func(p []byte) (int, error) {
			a.Add(p)
			return len(p), nil
		}))
		log(2)
		log(0)
		log(2)
		assert.Equal(t, measure.Tally{1, 0, 2}, a.Seen, kind)
		seen := make(measure.Tally, 2)
		assert.Equal(t, 1, a.MergeInto(seen), "a number that was never offered is none")
		assert.Equal(t, measure.Tally{1, 0}, seen)
	}
	var a measure.Acknowledgements
	for _, record := range []string{"", "{}", "{\"seq\":", "{\"seq\":\"1\"}", "{\"seq\":-1}", "{\"seq\":1"} {
		a.Add([]byte(record))
	}
	assert.Empty(t, a.Seen)
}

func cells(v measure.Verdict) [6]int {
	return [6]int{v.Offered, v.Primary.Records, v.Fallback.Records, v.Lost, v.Duplicated, v.Primary.Late}
}

func TestNotes(t *testing.T) {
	trialOf := func(name string) *trial {
		i := slices.IndexFunc(contenders, func(c contender) bool { return c.Name == name })
		return newTrial(defaults(), contenders[i], t.TempDir(), quiet{})
	}
	assert.Empty(t, trialOf(atomicBreaker).notes())
	tr := trialOf(failover)
	tr.load.behind.Store(3)
	notes := tr.notes()
	require.Len(t, notes, 2)
	assert.Equal(t, "slog-multi failover is for slog alone, so all its goroutines log with that", notes[0])
	assert.Contains(t, notes[1], "never made: 3")
	tr.logger = "slog"
	tr.load.behind.Store(0)
	assert.Empty(t, tr.notes(), "that was asked for")
}
