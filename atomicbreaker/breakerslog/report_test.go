// SPDX-License-Identifier: Apache-2.0

package breakerslog_test

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerslog"
)

// Both sides fail, and no option is set. A Handler and a Writer below slog's own handler report
// losses on os.Stderr, with at most one line in 10 seconds.
func TestHandler_ReportsLossesOnStderr(t *testing.T) {
	for name, logger := range map[string]func(*atomicbreaker.Breaker) *slog.Logger{
		"breakerslog": func(b *atomicbreaker.Breaker) *slog.Logger {
			down := handlerFunc(func(context.Context, slog.Record) error { return errDown })
			return slog.New(breakerslog.NewHandler(b, down, down))
		},
		"breakerio": func(b *atomicbreaker.Breaker) *slog.Logger {
			return slog.New(slog.NewJSONHandler(breakerio.NewWriter(b, broken{}, broken{}), nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
			require.NoError(t, err)
			before := os.Stderr
			os.Stderr = file
			defer func() { os.Stderr = before }()
			synctest.Test(t, func(*testing.T) {
				b := atomicbreaker.MustNew("of "+name, atomicbreaker.WithFailureThreshold(1), atomicbreaker.WithRecoveryTimeout(time.Hour))
				l := logger(b)
				for range 1000 {
					l.Info("record")
				}
				time.Sleep(10 * time.Second)
				synctest.Wait()
			})
			written, err := os.ReadFile(file.Name())
			require.NoError(t, err)
			require.NoError(t, file.Close())
			var lines []string
			for line := range strings.Lines(string(written)) {
				if strings.Contains(line, `"of `) { // ignores writers of other tests
					lines = append(lines, line)
				}
			}
			require.Equal(t, []string{
				name + `: "of ` + name + `": lost 1 write: primary: down; fallback: down` + "\n",
				name + `: "of ` + name + `": lost 999 writes: primary: rejected, breaker is open; fallback: down` + "\n",
			}, lines)
		})
	}
}

// broken is a sink that takes nothing.
type broken struct{ io.Writer }

func (broken) Write([]byte) (int, error) { return 0, errDown }
