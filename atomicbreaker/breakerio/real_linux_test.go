// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
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

// These tests change their process for good (its limits, its standard output), so they run in a
// child: the test binary itself, selected by the environment.
const childEnv = "BREAKERIO_TEST_CHILD"

func TestMain(m *testing.M) {
	child, arg, isChild := strings.Cut(os.Getenv(childEnv), " ")
	if !isChild {
		os.Exit(m.Run())
	}
	if err := map[string]func(string) error{"disk": diskChild, "tmpfs": tmpfsChild, "stdout": stdoutChild}[child](arg); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// child returns a command with a time limit, and a buffer with its standard error.
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
	diskSize    = 64 << 10
	diskRecords = 1000
)

// diskChild logs to a file of limited size that later gets more room. The limit applies to every
// file of the process, so the fallback is a pipe.
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
	return fill(file, func() error {
		limit.Cur = limit.Max
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit)
	})
}

// tmpfsChild logs to its own disk of 64 KiB, which later doubles in size. The mount is private to
// the child.
func tmpfsChild(path string) error {
	dir := filepath.Dir(path)
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		return fmt.Errorf("%s: %w", notPermitted, err)
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := fill(file, func() error { return syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT, "size=128k") }); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	_, err = os.NewFile(3, "copy").Write(text) // the parent has no access to the disk
	return err
}

// fill logs until the disk is full, and continues after more has made room.
func fill(file *os.File, more func() error) error {
	b := atomicbreaker.MustNew("disk", atomicbreaker.WithFailureThreshold(3), atomicbreaker.WithRecoveryTimeout(time.Hour))
	w := breakerio.NewWriter(b, file, os.Stdout)
	logger := slog.New(slog.NewJSONHandler(w, nil))
	for i := range diskRecords {
		if i == diskRecords-10 {
			if err := more(); err != nil {
				return err
			}
			b.Reset()
		}
		logger.Info("a record that is cut where the disk is full", "n", i)
	}
	s := w.Stats()
	fmt.Fprintf(os.Stderr, "%v Fallback %d Lost %d Torn %d Outages %d", b.State(), s.Fallback, s.Lost, s.Torn, s.Outages)
	return file.Close()
}

// readDisk reads what fill logged, line by line. Each record is whole in one of the files, and a
// line that is not a record is a line that the disk cut.
func readDisk(t *testing.T, primary, fallback, output string) {
	t.Helper()
	seen := make([]int, diskRecords)
	whole, cut := 0, 0
	for _, file := range []string{primary, fallback} {
		for line := range strings.Lines(file) {
			var record struct {
				N *int
			}
			if json.Unmarshal([]byte(line), &record) != nil || record.N == nil {
				cut++
				require.NotContains(t, line[1:], `{"time"`, "two records on one line")
				continue
			}
			seen[*record.N]++
			if file == primary {
				whole++
			}
		}
	}
	for n, times := range seen {
		require.Equal(t, 1, times, "record %d", n)
	}
	require.Greater(t, whole, 100)
	require.Equal(t, fmt.Sprintf("closed Fallback %d Lost 0 Torn %d Outages 1", diskRecords-whole, cut), output)
	require.NotContains(t, fallback, "\n\n")
	require.True(t, strings.HasSuffix(primary, "}\n"), "the last records are in the primary")
}

// A disk fills up in the middle of a record. The record is torn there, and whole in the fallback.
func TestReal_DiskThatFillsUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	cmd, output := child(t, "disk", path)
	fallback, err := cmd.Output()
	require.NoError(t, err, output.String())
	primary, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Contains(t, output.String(), "Torn 1 ", "the limit is in the middle of a record")
	readDisk(t, string(primary), string(fallback), output.String())
}

// notPermitted is the output of a child that may not mount.
const notPermitted = "no tmpfs here"

// A tmpfs of 64 KiB fills up. The child has its own user and mount namespaces, so that it needs no
// privilege where the kernel allows these to everyone.
func TestReal_TmpfsThatFillsUp(t *testing.T) {
	cmd, output := child(t, "tmpfs", filepath.Join(t.TempDir(), "log"))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	copied, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	require.NoError(t, err)
	defer func() { _ = copied.Close() }()
	cmd.ExtraFiles = []*os.File{copied}
	fallback, err := cmd.Output()
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EINVAL) {
		t.Skip("no user namespaces here: ", err)
	}
	if strings.HasPrefix(output.String(), notPermitted) {
		t.Skip(output.String())
	}
	require.NoError(t, err, output.String())
	primary, err := os.ReadFile(copied.Name())
	require.NoError(t, err)
	readDisk(t, string(primary), string(fallback), output.String())
}

// A pipe whose reader has stopped takes what fits and fails at the deadline. It has a part of the
// batch then, and the fallback gets the rest, starting with the torn line. The pipe recovers when
// it is read again.
func TestReal_PipeWithADeadline(t *testing.T) {
	r, pipe, err := os.Pipe()
	require.NoError(t, err)
	defer func() { _ = r.Close() }()
	patience, fallback := 20*time.Millisecond, file(t)
	w := breakerio.NewWriter(breaker(), sinkFunc(func(p []byte) (int, error) {
		if err := pipe.SetWriteDeadline(time.Now().Add(patience)); err != nil {
			return 0, err
		}
		return pipe.Write(p)
	}), fallback)
	const records = 30000
	var batch strings.Builder
	for i := range records {
		fmt.Fprintf(&batch, "<record %d>\n", i)
	}
	require.Greater(t, batch.Len(), 256<<10, "more than a pipe holds")
	_, err = io.WriteString(w, batch.String())
	require.NoError(t, err)
	require.Equal(t, breakerio.Stats{Fallback: 1, Failed: 1, Torn: 1}, w.Stats())

	read := make(chan []byte, 1)
	go func() {
		all, _ := io.ReadAll(r)
		read <- all
	}()
	patience = 30 * time.Second
	_, err = io.WriteString(w, "<after>\n")
	require.NoError(t, err)
	require.Equal(t, uint64(1), w.Stats().Fallback)
	require.NoError(t, pipe.Close())
	diverted, err := os.ReadFile(fallback.Name())
	require.NoError(t, err)
	primary := strings.Split(strings.TrimSuffix(string(<-read), "\n"), "\n")
	require.Equal(t, "<after>", primary[len(primary)-1])
	primary = primary[:len(primary)-1]
	if last := primary[len(primary)-1]; last == "" || last[len(last)-1] != '>' { // the torn line
		primary = primary[:len(primary)-1]
	}
	require.Equal(t, batch.String(), strings.Join(primary, "\n")+"\n"+string(diverted))
}

const stdoutRecords = 10

// stdoutChild logs to its standard output, and again after standard input reports that the reader
// has gone.
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

// The reader of a process's standard output goes away. That kills a Go program unless it ignores
// SIGPIPE; then the write returns an error.
func TestReal_StdoutWithoutReader(t *testing.T) {
	for _, c := range []struct{ name, arg string }{{"ignored", "ignore "}, {"not ignored", ""}} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "fallback")
			cmd, output := child(t, "stdout", c.arg+path)
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
			require.NoError(t, err, output.String())
			require.Equal(t, stdoutRecords, strings.Count(string(fallback), "\n"))
			for i := range stdoutRecords {
				require.Contains(t, string(fallback), fmt.Sprintf(`"n":%d}`, stdoutRecords+i))
			}
			require.Equal(t, "Fallback 10 Lost 0", output.String())
		})
	}
}
