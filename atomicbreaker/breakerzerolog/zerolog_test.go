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

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzerolog"
)

var errDown = errors.New("down")

// scripted is a sink that follows a script, one step per record.
type scripted struct {
	mu     sync.Mutex
	script []int
	taken  strings.Builder
	closed bool
}

func (s *scripted) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step := 0
	if len(s.script) > 0 {
		step, s.script = s.script[0], s.script[1:]
	}
	switch step {
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

// leveled is a scripted sink that also gets the level.
type leveled struct{ *scripted }

func (l leveled) WriteLevel(level zerolog.Level, p []byte) (int, error) {
	return l.Write(append([]byte(level.String()+" "), p...))
}

func breaker(recovery time.Duration) *atomicbreaker.Breaker {
	return atomicbreaker.MustNew("sink", atomicbreaker.WithFailureThreshold(2), atomicbreaker.WithRecoveryTimeout(recovery))
}

// Routing by level still uses the fallback, and both sides get the level.
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
	require.Equal(t, uint64(5), w.Stats().Fallback)
	require.NoError(t, w.Close())
	require.True(t, primary.closed && fallback.closed)
}

func ExampleNewLevelWriter() {
	collector, pipe := io.Pipe()
	_ = collector.Close()
	var file strings.Builder

	b := atomicbreaker.MustNew("collector", atomicbreaker.WithFailureThreshold(2))
	logger := zerolog.New(breakerzerolog.NewLevelWriter(b, pipe, &file))
	for i := range 4 {
		logger.Info().Int("n", i).Msg("record")
	}
	fmt.Println(b.State(), "with", strings.Count(file.String(), "\n"), "records in the file")
	// Output:
	// open with 4 records in the file
}
