// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// spoolOf returns the directory of a closed spool that has each record in a segment of its own.
func spoolOf(t *testing.T, records ...string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for _, record := range records {
		s, err := breakerspool.Open(dir, breakerspool.WithMinFree(0))
		require.NoError(t, err)
		_, err = s.Write([]byte(record))
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
	return dir
}

// TestCommand_UnreadableLog shows all records if the acknowledgments of a segment cannot be read:
// none of its records counts as taken.
func TestCommand_UnreadableLog(t *testing.T) {
	dir := spoolOf(t, "first\n", "second\n")
	log := filepath.Join(dir, "0000000000000000.ack")
	require.NoError(t, os.Mkdir(log, 0o700))
	status, stdout, stderr := command(t, "cat", dir)
	assert.Equal(t, 1, status)
	assert.Equal(t, "first\nsecond\n", stdout)
	assert.Contains(t, stderr, log)
	status, stdout, stderr = command(t, "ls", dir)
	assert.Equal(t, 1, status)
	assert.Contains(t, stdout, "\n0000000000000000.seg  1 ")
	assert.Contains(t, stdout, "\n0000000000000001.seg  1 ")
	assert.Contains(t, stdout, "\ntotal                 2 ")
	assert.Contains(t, stderr, log)
}

// TestCommand_UnreadableSegment shows all other records if a segment cannot be read.
func TestCommand_UnreadableSegment(t *testing.T) {
	dir := spoolOf(t, "first\n", "second\n", "third\n")
	unreadable := filepath.Join(dir, "0000000000000001.seg")
	require.NoError(t, os.Chmod(unreadable, 0))
	if f, err := os.Open(unreadable); err == nil {
		_ = f.Close()
		t.Skip("this user may read any file")
	}
	status, stdout, stderr := command(t, "cat", dir)
	assert.Equal(t, 1, status)
	assert.Equal(t, "first\nthird\n", stdout)
	assert.Contains(t, stderr, unreadable)
	status, stdout, stderr = command(t, "ls", dir)
	assert.Equal(t, 1, status)
	assert.Contains(t, stdout, "\n0000000000000001.seg  0 ")
	assert.Contains(t, stdout, "\ntotal                 2 ")
	assert.Contains(t, stderr, unreadable)
}

// TestCommand_UnreadableRejected lists the queue if the directory rejected cannot be read.
func TestCommand_UnreadableRejected(t *testing.T) {
	dir := spoolOf(t, "first\n")
	rejected := filepath.Join(dir, "rejected")
	require.NoError(t, os.Remove(rejected))
	require.NoError(t, os.WriteFile(rejected, nil, 0o600))
	status, stdout, stderr := command(t, "ls", dir)
	assert.Equal(t, 1, status)
	assert.Contains(t, stdout, "\ntotal                 1 ")
	assert.Contains(t, stderr, rejected+": want the directory of a spool")
}

// TestCommand_BadFiles shows the damage of a segment without a header before and after the spool
// has renamed the file.
func TestCommand_BadFiles(t *testing.T) {
	dir := spoolOf(t, "first\n", "second\n")
	name := filepath.Join(dir, "0000000000000000.seg")
	require.NoError(t, os.WriteFile(name, bytes.Repeat([]byte("x"), 100), 0o600))
	whole, err := os.ReadFile(filepath.Join(dir, "0000000000000001.seg"))
	require.NoError(t, err)
	rejected := filepath.Join(dir, "rejected", "0000000000000004.bad")
	require.NoError(t, os.WriteFile(rejected, whole, 0o600), "the spool knows no record in it")
	for _, suffix := range []string{"seg", "bad"} {
		status, stdout, _ := command(t, "ls", dir)
		assert.Equal(t, 1, status)
		assert.Regexp(t, `\n0000000000000000\.`+suffix+` +0 +100 +- +1\n`, stdout)
		assert.Regexp(t, `\nrejected/0000000000000004\.bad +0 +75 +- +1\n`, stdout)
		assert.Regexp(t, `\ntotal +1 +175 +\S+ +1\n`, stdout)
		status, stdout, stderr := command(t, "cat", dir)
		assert.Equal(t, 1, status)
		assert.Equal(t, "second\n", stdout)
		assert.Contains(t, stderr, "0000000000000000."+suffix+": the header is damaged")

		s, err := breakerspool.Open(dir, breakerspool.WithMinFree(0)) // renames it
		require.NoError(t, err)
		require.NoError(t, s.Close())
	}
}

// TestCommand_SameNames has files at the ends of the range of numbers. The command shows those that
// the spool knows.
func TestCommand_SameNames(t *testing.T) {
	dir := spoolOf(t, "record\n")
	text, err := os.ReadFile(filepath.Join(dir, "0000000000000000.seg"))
	require.NoError(t, err)
	for _, name := range []string{
		"000000000000000A.seg", "00000000000000001.seg", "3fffffffffffffff.seg", "4000000000000000.seg",
		"ffffffffffffffff.seg", "4000000000000000.bad", "x.bad",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), text, 0o600))
	}
	s, err := breakerspool.Open(dir, breakerspool.WithMinFree(0))
	require.NoError(t, err)
	assert.EqualValues(t, 2, s.Stats().Records)
	require.NoError(t, s.Close())
	status, stdout, stderr := command(t, "cat", dir)
	assert.Zero(t, status, stderr)
	assert.Equal(t, "record\nrecord\n", stdout)
}

// TestCommand_CatSeparatesRecords prints records that have no newline of their own.
func TestCommand_CatSeparatesRecords(t *testing.T) {
	status, stdout, stderr := command(t, "cat", spoolOf(t, "first", "second\n", "third\nfourth"))
	assert.Zero(t, status, stderr)
	assert.Equal(t, "first\nsecond\nthird\nfourth\n", stdout)
}

// TestCommand_UnfinishedSegment has a segment of a process that was killed when it created it. No
// record was in it.
func TestCommand_UnfinishedSegment(t *testing.T) {
	dir := spoolOf(t, "record\n")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "0000000000000001.seg"), nil, 0o600))
	for _, verb := range []string{"ls", "cat"} {
		status, _, stderr := command(t, verb, dir)
		assert.Zero(t, status, stderr)
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// TestCommand_ClosedOutput ends when nobody reads the output. It complains about no segment.
func TestCommand_ClosedOutput(t *testing.T) {
	dir := spoolOf(t, strings.Repeat("x", 1<<16), "second\n")
	for _, verb := range []string{"ls", "cat"} {
		var stderr bytes.Buffer
		assert.Equal(t, 1, run([]string{verb, dir}, closedPipe{}, &stderr))
		assert.Equal(t, "breakerspool: "+io.ErrClosedPipe.Error()+"\n", stderr.String())
	}
}
