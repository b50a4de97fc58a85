// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakers"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view/console"
)

// trialOf is a trial of a guard that nobody watches.
func trialOf(t *testing.T, s settings, name string) *trial {
	t.Helper()
	i := slices.IndexFunc(contenders, func(c contender) bool { return c.Name == name })
	require.GreaterOrEqual(t, i, 0, name)
	return newTrial(s, contenders[i], breakers.NewRegistry(), t.TempDir(), quiet{})
}

// ran is a trial that offered so many records to its end.
func ran(t *testing.T, s settings, name string, offered int) *trial {
	t.Helper()
	tr := trialOf(t, s, name)
	tr.recorder = measure.NewRecorder(s.Duration, tr.counters.Now)
	tr.recorder.Enter(measure.Phases)
	tr.counters.Offered.Store(uint64(offered))
	return tr
}

// judged is the result of a trial that left these two files. The demo would fail if it is wrong.
func judged(t *testing.T, tr *trial, sinkFile, fallbackFile string) measure.Result {
	t.Helper()
	tr.IsJudged = true
	require.NoError(t, os.WriteFile(tr.sinkFile, []byte(sinkFile), 0o600))
	require.NoError(t, os.WriteFile(tr.fallbackFile, []byte(fallbackFile), 0o600))
	r, err := tr.judge()
	require.NoError(t, err)
	return r
}

// cells are the figures of a verdict.
type cells struct{ offered, inSink, stranded, lost, duplicated, late int }

func cellsOf(v measure.Verdict) cells {
	return cells{v.Offered, v.InSink, v.Stranded, v.Lost, v.Duplicated, v.Primary.Late}
}

// stored is a line of the sink's file. It took the sink a nanosecond more than the default timeout
// to store a late one.
func stored(seq int) string { return fmt.Sprintf("9 1 {\"seq\":%d}\n", seq) }
func late(seq int) string   { return fmt.Sprintf("250000002 1 {\"seq\":%d}\n", seq) }

// kept is a line of the fallback.
func kept(seq int) string { return fmt.Sprintf("{\"seq\":%d}\n", seq) }

func TestVerdict(t *testing.T) {
	cases := []struct {
		name           string
		sink, fallback string
		cells          cells
		problem        string
	}{
		{
			name: "each record once", sink: stored(0) + stored(3), fallback: kept(2) + kept(1),
			cells: cells{offered: 4, inSink: 2, stranded: 2},
		}, {
			name: "stored but not acknowledged",
			sink: stored(0) + stored(1) + stored(2), fallback: kept(2) + kept(3),
			cells: cells{offered: 4, inSink: 3, stranded: 1, duplicated: 1},
		}, {
			name: "stored when its caller had given up",
			sink: stored(0) + late(1), fallback: kept(1) + kept(2) + kept(3),
			cells: cells{offered: 4, inSink: 2, stranded: 2, duplicated: 1, late: 1},
		}, {
			name: "stored twice", sink: stored(0) + stored(1) + stored(0) + stored(2) + stored(3),
			cells: cells{offered: 4, inSink: 4, duplicated: 1},
		}, {
			name: "torn, then in the fallback",
			sink: stored(0) + "9 1 {\"seq\":1,\"ti\n" + stored(3), fallback: kept(1) + kept(2),
			cells: cells{offered: 4, inSink: 2, stranded: 2},
		}, {
			name: "one lost", sink: stored(0), fallback: kept(2) + kept(3),
			cells:   cells{offered: 4, inSink: 1, stranded: 2, lost: 1},
			problem: "1 record is neither in the sink nor in the fallback: 1",
		}, {
			name: "a duplicate does not make up for a loss",
			sink: stored(0) + stored(1) + stored(2), fallback: kept(0),
			cells:   cells{offered: 4, inSink: 3, lost: 1, duplicated: 1},
			problem: "1 record is neither in the sink nor in the fallback: 3",
		}, {
			name:    "a torn record that went nowhere else",
			sink:    stored(0) + stored(1) + stored(2) + "9 1 {\"seq\":3",
			cells:   cells{offered: 4, inSink: 3, lost: 1},
			problem: "1 record is neither in the sink nor in the fallback: 3",
		}, {
			name: "nobody logged it",
			sink: stored(0) + stored(4), fallback: kept(1) + kept(2) + kept(3),
			cells:   cells{offered: 4, inSink: 1, stranded: 3},
			problem: "records were found that nobody logged: 1",
		}, {
			name:    "all lost",
			cells:   cells{offered: 4, lost: 4},
			problem: "4 records are neither in the sink nor in the fallback: 0, 1, 2, 3",
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := judged(t, ran(t, defaults(), goBreaker, 4), c.sink, c.fallback)
			v := r.Verdict
			assert.Equal(t, c.cells, cellsOf(v))
			assert.Equal(t, v.Offered, v.InSink+v.Undelivered(), "conservation")
			assert.Equal(t, c.problem != "", r.IsEvidence())
			if c.problem == "" {
				assert.NoError(t, r.Problem())
				return
			}
			assert.EqualError(t, r.Problem(), c.problem)
			r.IsJudged = false
			assert.Equal(t, v.Foreign() > 0, r.Problem() != nil,
				"another guard may lose, but nobody may invent")
		})
	}
}

func TestVerdictNamesOnlyTheFirstLostRecords(t *testing.T) {
	r := judged(t, ran(t, defaults(), goBreaker, 1000), "", "")
	assert.EqualError(t, r.Problem(),
		"1000 records are neither in the sink nor in the fallback: 0, 1, 2, 3, 4, …")
}

// With a spool every record has to be in the sink at the end of a run. A run that was interrupted,
// and one with the user's own endpoint, may leave some in the spool.
func TestVerdictOnASpool(t *testing.T) {
	tr := ran(t, defaults(), atomicBreaker, 4)
	fallback, err := tr.openFallback()
	require.NoError(t, err)
	defer func() { _ = fallback.Close() }()
	for _, seq := range []int{1, 3} {
		_, err := fallback.Write([]byte(kept(seq)))
		require.NoError(t, err)
	}
	r := judged(t, tr, stored(0)+stored(1)+stored(2), "")
	assert.Equal(t, cells{offered: 4, inSink: 3, stranded: 1, duplicated: 1}, cellsOf(r.Verdict))
	assert.True(t, r.IsEvidence())
	const problem = "1 record is still in the spool and not in the sink: 3"
	assert.EqualError(t, r.Problem(), problem)

	interrupted, elsewhere := r, r
	interrupted.Interrupted = true
	elsewhere.Sink = sink.Endpoint{Kind: sink.File, Where: "app.log"}
	assert.NoError(t, interrupted.Problem())
	assert.NoError(t, elsewhere.Problem())

	r = judged(t, tr, stored(0)+stored(1)+stored(2)+stored(3), "")
	assert.Equal(t, cells{offered: 4, inSink: 4, duplicated: 2}, cellsOf(r.Verdict))
	assert.NoError(t, r.Problem(), "the sink has all of them, whatever the spool repeats")
	assert.False(t, r.IsEvidence())
}

// With an endpoint of the user's own its acknowledgements stand for the file that cannot be read.
// One record may be in both: a probe, or what was acknowledged too late.
func TestVerdictOnTheUsersEndpoint(t *testing.T) {
	s := defaults()
	s.Sink = sink.Endpoint{Kind: sink.Loki, Where: "http://127.0.0.1:1" + sink.PushPath}
	judge := func(acknowledged ...int) measure.Result {
		tr := ran(t, s, goBreaker, 5)
		for _, seq := range acknowledged {
			record := fmt.Appendf(nil, "{\"level\":\"info\",\"seq\":%d,\"item\":\"anvil\"}\n", seq)
			tr.taken.Add(record)
		}
		return judged(t, tr, "", kept(2)+kept(4))
	}
	r := judge(0, 1, 3, 4)
	assert.Equal(t, cells{offered: 5, inSink: 4, stranded: 1, duplicated: 1}, cellsOf(r.Verdict))
	assert.NoError(t, r.Problem())

	r = judge(0, 1, 4)
	assert.Equal(t, cells{offered: 5, inSink: 3, stranded: 1, lost: 1, duplicated: 1},
		cellsOf(r.Verdict), "a duplicate does not make up for a loss")
	assert.EqualError(t, r.Problem(),
		"1 record was neither acknowledged by the sink nor found in the fallback: 3")
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
	for _, record := range []string{
		``, `{}`, `{"seq":`, `{"seq":"1"}`, `{"seq":-1}`, `{"seq":1`,
	} {
		a.Add([]byte(record))
	}
	assert.Empty(t, a.Seen)
}

func TestNotes(t *testing.T) {
	assert.Empty(t, trialOf(t, defaults(), atomicBreaker).notes())
	tr := trialOf(t, defaults(), failover)
	tr.load.behind.Store(3)
	notes := tr.notes()
	require.Len(t, notes, 2)
	assert.Equal(t, "slog-multi failover is for slog alone, so all its goroutines log with that",
		notes[0])
	assert.Contains(t, notes[1], "never made: 3")
	tr.load.behind.Store(60_000_000)
	console.Fits(t, 80, strings.Join(tr.notes(), ".\n")+".")
	tr.logger = "slog"
	tr.load.behind.Store(0)
	assert.Empty(t, tr.notes(), "that was asked for")
}
