// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// What follows changes a process for good (its limits, its standard output), so it happens in a child: the test's own binary,
// told by the environment what to do.
const childEnv = "BREAKERIO_TEST_CHILD"

func TestMain(m *testing.M) {
	child, arg, isChild := strings.Cut(os.Getenv(childEnv), " ")
	if !isChild {
		os.Exit(m.Run())
	}
	if err := map[string]func(string) error{"disk": diskChild, "stdout": stdoutChild}[child](arg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child returns a command that is bounded in time, and what it writes to standard error.
func child(t *testing.T, name, arg string) (*exec.Cmd, *strings.Builder) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+name+" "+arg)
	cmd.WaitDelay = 30 * time.Second
	stop := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { stop.Stop() })
	var complaints strings.Builder
	cmd.Stderr = &complaints
	return cmd, &complaints
}

const (
	diskSize    = 1000
	diskRecords = 100
	diskRecord  = "<record %d, that is cut where the disk is full>\n"
)

// diskChild writes to a file of limited size, and after a time with room again. The limit binds every file, so the
// fallback is a pipe.
func diskChild(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	limit.Cur = diskSize
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		return err
	}
	b := atomicbreaker.MustNew("disk", atomicbreaker.WithFailureThreshold(3), atomicbreaker.WithRecoveryTimeout(time.Hour))
	w := breakerio.NewWriter(b, file, os.Stdout)
	for i := range diskRecords {
		if i == diskRecords-10 {
			limit.Cur = limit.Max
			if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
				return err
			}
			b.Reset()
		}
		if n, err := fmt.Fprintf(w, diskRecord, i); err != nil {
			return fmt.Errorf("%d, %w", n, err)
		}
	}
	s := w.Stats()
	fmt.Fprintf(os.Stderr, "%v Fallback %d Lost %d Torn %d Outages %d", b.State(), s.Fallback, s.Lost, s.Torn, s.Outages)
	return file.Close()
}

// A disk that fills up in the middle of a record: that one is torn, and whole in the fallback.
func TestReal_DiskThatFillsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	cmd, told := child(t, "disk", path)
	fallback, err := cmd.Output()
	require.NoError(t, err, told.String())
	primary, err := os.ReadFile(path)
	require.NoError(t, err)
	whole := 0
	for i := range diskRecords {
		record := fmt.Sprintf(diskRecord, i)
		require.Equal(t, 1, strings.Count(string(primary), record)+strings.Count(string(fallback), record), record)
		whole += strings.Count(string(primary), record)
	}
	cut := strings.Count(string(primary), "<") - whole
	require.Equal(t, 1, cut, "the disk was full in the middle of one record")
	require.Greater(t, whole, 10)
	require.Equal(t, fmt.Sprintf("closed Fallback %d Lost 0 Torn %d Outages 1", diskRecords-whole, cut), told.String())
}

const stdoutRecords = 10

// stdoutChild logs to its standard output, and again when standard input says that nobody reads that any more.
func stdoutChild(arg string) error {
	path, ignore := strings.CutPrefix(arg, "ignore ")
	if ignore {
		signal.Ignore(syscall.SIGPIPE)
	}
	fallback, err := os.Create(path)
	if err != nil {
		return err
	}
	w := breakerio.NewWriter(atomicbreaker.MustNew("stdout"), os.Stdout, fallback)
	logger := slog.New(slog.NewJSONHandler(w, nil))
	for i := range stdoutRecords {
		logger.Info("record", "n", i)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	for i := range stdoutRecords {
		logger.Info("record", "n", stdoutRecords+i)
	}
	fmt.Fprintf(os.Stderr, "Fallback %d Lost %d", w.Stats().Fallback, w.Stats().Lost)
	return fallback.Close()
}

// Whoever reads a process's standard output goes away. A Go program dies of that, unless it ignores SIGPIPE; then it is an
// error as any other.
func TestReal_StdoutWithoutReader(t *testing.T) {
	for _, c := range []struct{ name, arg string }{{"ignored", "ignore "}, {"not ignored", ""}} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "fallback")
			cmd, told := child(t, "stdout", c.arg+path)
			stdin, err := cmd.StdinPipe()
			require.NoError(t, err)
			r, stdout, err := os.Pipe()
			require.NoError(t, err)
			cmd.Stdout = stdout
			require.NoError(t, cmd.Start())
			require.NoError(t, stdout.Close())
			lines := bufio.NewScanner(r)
			for i := range stdoutRecords {
				require.True(t, lines.Scan(), "line %d", i)
				require.Contains(t, lines.Text(), fmt.Sprintf(`"n":%d}`, i))
			}
			require.NoError(t, r.Close())
			require.NoError(t, stdin.Close())
			err = cmd.Wait()
			fallback, readErr := os.ReadFile(path)
			require.NoError(t, readErr)
			if c.arg == "" {
				require.ErrorContains(t, err, "broken pipe")
				require.Empty(t, fallback)
				return
			}
			require.NoError(t, err, told.String())
			require.Equal(t, stdoutRecords, strings.Count(string(fallback), "\n"))
			for i := range stdoutRecords {
				require.Contains(t, string(fallback), fmt.Sprintf(`"n":%d}`, stdoutRecords+i))
			}
			require.Equal(t, "Fallback 10 Lost 0", told.String())
		})
	}
}
