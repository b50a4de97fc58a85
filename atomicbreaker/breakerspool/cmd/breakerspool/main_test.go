// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// command runs the command.
func command(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(args, &out, &err)
	return status, out.String(), err.String()
}

// sinkOf takes n records and refuses "poison" for good.
type sinkOf struct{ n int }

var errPoison = errors.New("poison")

func (s *sinkOf) Write(p []byte) (int, error) {
	switch {
	case strings.Contains(string(p), "poison"):
		return 0, errPoison
	case s.n == 0:
		return 0, errors.New("down")
	}
	s.n--
	return len(p), nil
}

func TestCommand(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, err := breakerspool.Open(dir, breakerspool.WithMinFree(0), breakerspool.WithSegmentBytes(4096))
		require.NoError(t, err)
		for i := range 200 {
			line := fmt.Sprintf("record %d of a spool\n", i)
			if i == 1 {
				line = "poison\n"
			}
			_, err := s.Write([]byte(line))
			require.NoError(t, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		isPoison := breakerspool.WithRecordErrors(func(err error) bool { return errors.Is(err, errPoison) })
		err = s.Replay(ctx, atomicbreaker.MustNew("sink"), &sinkOf{3}, isPoison)
		require.ErrorIs(t, err, context.DeadlineExceeded)

		// The spool is open, and stays so.
		status, stdout, stderr := command(t, "ls", dir)
		assert.Zero(t, status, stderr)
		assert.Contains(t, stdout, "\ntotal                          196      ")
		assert.Contains(t, stdout, "rejected/0000000000000000.seg  1 ")
		status, stdout, stderr = command(t, "cat", dir)
		assert.Zero(t, status, stderr)
		lines := strings.Split(strings.TrimSpace(stdout), "\n")
		assert.Len(t, lines, 196)
		assert.Equal(t, "record 4 of a spool", lines[0])
		assert.Equal(t, "record 199 of a spool", lines[195])
		_, stdout, _ = command(t, "cat", filepath.Join(dir, "rejected"))
		assert.Equal(t, "poison\n", stdout)
		require.NoError(t, s.Close())
	})

	segments, err := names(dir)
	require.NoError(t, err)
	name := filepath.Join(dir, segments[1])
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	text[100] ^= 1
	require.NoError(t, os.WriteFile(name, text, 0o600))
	status, stdout, stderr := command(t, "cat", dir)
	assert.Equal(t, 1, status)
	assert.Len(t, strings.Split(strings.TrimSpace(stdout), "\n"), 195)
	assert.Contains(t, stderr, name+": damaged: 42 bytes from offset ")
	status, _, _ = command(t, "ls", dir)
	assert.Equal(t, 1, status)
}

func TestCommand_BadArguments(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{nil, 2, "usage:"},
		{[]string{"ls"}, 2, "usage:"},
		{[]string{"rm", "x"}, 2, `no command "rm"`},
		{[]string{"ls", filepath.Join(t.TempDir(), "gone")}, 1, "no such file"},
		{[]string{"cat", file}, 1, "want the directory of a spool"},
	} {
		status, _, stderr := command(t, c.args...)
		assert.Equal(t, c.status, status, c.args)
		assert.Contains(t, stderr, c.says, c.args)
	}
}
