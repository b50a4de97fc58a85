// SPDX-License-Identifier: Apache-2.0

package breakerzerolog_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerzerolog"
)

// broken is a sink that takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errDown }

// Both sides fail, and no option is set. Losses of all levels are reported on os.Stderr, with at
// most one line in 10 seconds, and each is an error for zerolog.
func TestLevelWriter_ReportsLossesOnStderr(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	before, handler := os.Stderr, zerolog.ErrorHandler
	failures := 0
	zerolog.ErrorHandler = func(err error) {
		if errors.Is(err, errDown) {
			failures++
		}
	}
	os.Stderr = file
	defer func() { os.Stderr, zerolog.ErrorHandler = before, handler }()
	synctest.Test(t, func(*testing.T) {
		b := atomicbreaker.MustNew("both down", atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(time.Hour))
		logger := zerolog.New(breakerzerolog.NewLevelWriter(b, broken{}, broken{}))
		for range 500 {
			logger.Info().Msg("record")
			logger.Error().Msg("record")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
	})
	written, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.NoError(t, file.Close())
	var lines []string
	for line := range strings.Lines(string(written)) {
		if strings.Contains(line, `"both down"`) { // ignores other tests
			lines = append(lines, line)
		}
	}
	require.Equal(t, []string{
		`breakerzerolog: "both down": lost 1 write: primary: down; fallback: down` + "\n",
		`breakerzerolog: "both down": lost 999 writes: primary: rejected, breaker is open; fallback: down` + "\n",
	}, lines)
	require.Equal(t, 1000, failures)
}
