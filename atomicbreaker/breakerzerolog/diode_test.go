// SPDX-License-Identifier: Apache-2.0

package breakerzerolog_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/rs/zerolog/diode"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzerolog"
)

// The diode's goroutine makes one write per record, so a LevelWriter below it trips, diverts and
// repairs as usual. The diode's Close writes the remaining records and closes both sides.
func TestLevelWriter_BelowADiode(t *testing.T) {
	const size, records = 200, 100
	b := breaker(time.Hour)
	primary, fallback := &cutting{limits: []int{5, 3}}, &scripted{}
	w := breakerzerolog.NewLevelWriter(b, struct{ io.WriteCloser }{primary}, fallback)
	d := diode.NewWriter(w, size, 0, func(missed int) { t.Errorf("the diode dropped %d records", missed) })
	logger := zerolog.New(d)
	for i := range records {
		logger.Info().Int("n", i).Msg("record")
	}
	require.NoError(t, d.Close())
	require.True(t, primary.closed && fallback.closed)
	require.Equal(t, atomicbreaker.Open, b.State())

	var seen [records]int
	fragments := 0
	for _, file := range []string{primary.taken.String(), fallback.taken.String()} {
		for line := range strings.Lines(file) {
			var record struct{ N int }
			if json.Unmarshal([]byte(line), &record) != nil {
				fragments++
				continue
			}
			seen[record.N]++
		}
	}
	for n, times := range seen {
		require.Equal(t, 1, times, "record %d", n)
	}
	require.Equal(t, 2, fragments, "the cut lines, each on its own")
	stats := w.Stats()
	require.Equal(t, []uint64{records, 0, 2}, []uint64{stats.Fallback, stats.Lost, stats.Torn})
}

// A diode above a sink that hangs drops the oldest records. Its function gets the number, but the
// Writer does not.
func TestLevelWriter_BelowADiodeThatOverflows(t *testing.T) {
	const size, records = 8, 100
	hang := make(chan struct{})
	entered := make(chan struct{}, records)
	primary := &scripted{}
	w := breakerzerolog.NewLevelWriter(breaker(time.Hour), writerFunc(func(p []byte) (int, error) {
		entered <- struct{}{}
		<-hang
		return primary.Write(p)
	}), &scripted{})
	dropped := 0
	d := diode.NewWriter(w, size, 0, func(missed int) { dropped += missed })
	logger := zerolog.New(d)
	logger.Info().Msg("record")
	<-entered
	for range records - 1 {
		logger.Info().Msg("record")
	}
	close(hang)
	require.NoError(t, d.Close())
	require.Positive(t, dropped)
	require.Equal(t, records, dropped+strings.Count(primary.taken.String(), "record"))
	require.Zero(t, w.Stats())
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
