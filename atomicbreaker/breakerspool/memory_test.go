// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"bytes"
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestReplay_KeepsNoRecords opens and replays a spool of 64 MiB. What is reachable meanwhile is a
// fraction of a segment.
func TestReplay_KeepsNoRecords(t *testing.T) {
	const (
		spoolBytes = 64 << 20
		writeBytes = 16 << 10
		limit      = 3 << 20 // segments have 8 MiB
	)
	line := append(bytes.Repeat([]byte("x"), 199), '\n')
	lines := bytes.Repeat(line, writeBytes/len(line))
	dir := t.TempDir()
	s := openSpool(t, dir)
	for range spoolBytes / len(lines) {
		_, err := s.Write(lines)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())

	before := reachable()
	s = openSpool(t, dir)
	left := s.Stats().Records
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	writes, largest := 0, uint64(0)
	sink := &sink{}
	sink.does = func(p []byte) (int, error) {
		sink.got.Reset()
		if writes++; writes%20 == 0 {
			largest = max(largest, reachable())
		}
		if left -= uint64(bytes.Count(p, []byte{'\n'})); left == 0 {
			cancel()
		}
		return len(p), nil
	}
	err := s.Replay(ctx, atomicbreaker.MustNew("sink"), sink, breakerspool.WithBatch(256<<10))
	require.ErrorIs(t, err, context.Canceled)
	require.Greater(t, writes, 100)
	assert.Zero(t, s.Stats().Records)
	assert.Less(t, largest, before+limit)
}

// reachable returns the bytes of the heap that are in use.
func reachable() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
