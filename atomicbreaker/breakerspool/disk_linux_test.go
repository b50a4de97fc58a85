// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// fullChild is set in the environment of a child. Its value is the directory of the spool.
const fullChild = "BREAKERSPOOL_FULL_DIR"

// TestFull_FileSizeLimit runs a child whose files may have 3000 bytes. A write beyond it is short,
// and later ones fail. The limit is one of the process, so a child has it.
func TestFull_FileSizeLimit(t *testing.T) {
	if dir := os.Getenv(fullChild); dir != "" {
		signal.Ignore(syscall.SIGXFSZ)
		limit := syscall.Rlimit{Cur: 3000, Max: 3000}
		require.NoError(t, syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit))
		fill(t, dir, syscall.EFBIG)
		return
	}
	runChild(t, exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFull_FileSizeLimit$"), t.TempDir())
}

// TestFull_Disk runs a child on a file system of 64 KiB.
func TestFull_Disk(t *testing.T) {
	if dir := os.Getenv(fullChild); dir != "" {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
			t.Skip("mount:", err)
		}
		fill(t, dir, syscall.ENOSPC)
		return
	}
	child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFull_Disk$", "-test.v")
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	runChild(t, child, t.TempDir())
}

func runChild(t *testing.T, child *exec.Cmd, dir string) {
	t.Helper()
	child.Env = append(os.Environ(), fullChild+"="+dir)
	out, err := child.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Skip("no user namespace:", err)
	}
	require.NoError(t, err, "%s", out)
	if strings.Contains(string(out), "--- SKIP") {
		t.Skipf("%s", out)
	}
}

// fill writes until there is no room. Each record that Write took is in the spool, then and after
// it was opened again, and no other. When there is room, Write works.
func fill(t *testing.T, dir string, want error) {
	t.Helper()
	opts := []breakerspool.Option{breakerspool.WithMinFree(0), breakerspool.WithSegmentBytes(32 << 10)}
	s, err := breakerspool.Open(dir, opts...)
	require.NoError(t, err)
	var records []string
	failed := 0
	for i := range 200 {
		record := strings.Repeat(string(rune('a'+i%26)), 700+i) + "\n"
		if _, err := s.Write([]byte(record)); err != nil {
			require.ErrorIs(t, err, want)
			failed++
		} else {
			records = append(records, record)
		}
	}
	require.NotZero(t, failed)
	require.NotEmpty(t, records)
	assert.Equal(t, records, held(s))
	assert.EqualValues(t, len(records), s.Stats().Records)
	require.NoError(t, s.Close())
	s, err = breakerspool.Open(dir, opts...)
	require.NoError(t, err)
	assert.Equal(t, records, held(s))
	assert.Zero(t, s.Stats().Corrupt)
	if errors.Is(want, syscall.ENOSPC) {
		require.NoError(t, os.Remove(segments(t, dir)[0]))
		_ = s.Close()
		s, err = breakerspool.Open(dir, opts...)
		require.NoError(t, err)
		write(t, s, "there is room\n")
	}
	require.NoError(t, s.Close())
}
