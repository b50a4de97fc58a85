// SPDX-License-Identifier: Apache-2.0

package breakerzerolog_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzerolog"
)

var errDown = errors.New("down")

// scripted is a sink that does with each record what the script says.
type scripted struct {
	mu     sync.Mutex
	script []int
	taken  strings.Builder
	closed bool
}

func (s *scripted) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	behaviour := 0
	if len(s.script) > 0 {
		behaviour, s.script = s.script[0], s.script[1:]
	}
	switch behaviour {
	case 1:
		return 0, errDown
	case 2:
		return len(p) / 2, nil
	case 3:
		panic("broken")
	}
	return s.taken.Write(p)
}

func (s *scripted) Close() error { s.closed = true; return nil }

// leveled is one that wants to know the level.
type leveled struct{ *scripted }

func (l leveled) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	return l.Write(append([]byte(level.String()+" "), p...))
}

func breaker(recovery time.Duration) *atomicbreaker.Breaker {
	return atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(recovery))
}

// Every record ends in exactly one of primary, fallback, lost.
func TestConservation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) *scripted {
			return &scripted{script: rapid.SliceOfN(rapid.IntRange(0, 3), 0, 40).Draw(t, name)}
		}
		primary, fallback := draw("primary"), draw("fallback")
		b := breaker(rapid.SampledFrom([]time.Duration{0, time.Hour}).Draw(t, "recovery"))
		goroutines := rapid.IntRange(1, 16).Draw(t, "goroutines")
		lost := map[string]int{}
		var mu sync.Mutex
		w := breakerzerolog.NewLevelWriter(b, primary, leveledIf(rapid.Bool().Draw(t, "leveled"), fallback),
			breakerio.WithOnLost(func(p []byte, _ error) {
				mu.Lock()
				defer mu.Unlock()
				lost[string(p)]++
			}))
		logger := zerolog.New(w)
		var wg sync.WaitGroup
		for g := range goroutines {
			wg.Go(func() {
				for i := range 5 {
					logger.WithLevel(zerolog.Level(i-1)).Int("n", g*5+i).Send()
				}
			})
		}
		wg.Wait()
		took := primary.taken.String() + fallback.taken.String() + strings.Join(keys(lost), "")
		for n := range goroutines * 5 {
			require.Equal(t, 1, strings.Count(took, fmt.Sprintf(`"n":%d}`, n)), "record %d", n)
		}
		stats := w.(interface{ Stats() breakerio.Stats }).Stats()
		require.Equal(t, uint64(len(lost)), stats.Lost)
		require.Equal(t, uint64(strings.Count(fallback.taken.String(), "\n")), stats.Fallback)
		require.Zero(t, b.Snapshot().HalfOpenCalls)
	})
}

func leveledIf(yes bool, s *scripted) io.Writer {
	if yes {
		return leveled{s}
	}
	return s
}

func keys(m map[string]int) []string {
	var list []string
	for k, n := range m {
		list = append(list, strings.Repeat(k, n))
	}
	return list
}

// Routing by level keeps its fallback, and the level reaches both.
func TestLevelWriter_Routes(t *testing.T) {
	b := breaker(time.Hour)
	primary, fallback := &scripted{script: []int{0, 1, 1}}, &scripted{}
	w := breakerzerolog.NewLevelWriter(b, leveled{primary}, leveled{fallback})
	for _, l := range []zerolog.Level{zerolog.InfoLevel, zerolog.TraceLevel, zerolog.ErrorLevel, zerolog.NoLevel, 42} {
		n, err := w.WriteLevel(l, []byte("x\n"))
		require.NoError(t, err)
		require.Equal(t, 2, n)
	}
	require.Equal(t, atomicbreaker.Open, b.State())
	_, err := w.Write([]byte("plain\n"))
	require.NoError(t, err)
	require.Equal(t, "info x\n", primary.taken.String())
	require.Equal(t, "trace x\nerror x\n x\n42 x\nplain\n", fallback.taken.String())
	require.Equal(t, uint64(5), w.(interface{ Stats() breakerio.Stats }).Stats().Fallback)
	require.NoError(t, w.(io.Closer).Close())
	require.True(t, primary.closed && fallback.closed)
}

func ExampleNewLevelWriter() {
	collector, gone := io.Pipe()
	_ = collector.Close()
	var file strings.Builder

	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2))
	logger := zerolog.New(breakerzerolog.NewLevelWriter(b, gone, &file))
	for i := range 4 {
		logger.Info().Int("n", i).Msg("record")
	}
	fmt.Println(b.State(), "with", strings.Count(file.String(), "\n"), "records in the file")
	// Output:
	// open with 4 records in the file
}
