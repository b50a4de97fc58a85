// SPDX-License-Identifier: Apache-2.0

package breakerspool_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
)

// TestOpen_Ranges has values just outside of their ranges. Nothing is created.
func TestOpen_Ranges(t *testing.T) {
	for _, c := range []struct {
		option breakerspool.Option
		says   string
	}{
		{breakerspool.WithMaxBytes(64<<10 - 1), "WithMaxBytes(65535): want at least 65536"},
		{breakerspool.WithMaxBytes(0), "WithMaxBytes(0): want at least 65536"},
		{breakerspool.WithMaxAge(-time.Second), "WithMaxAge(-1s): want 0 or more"},
		{breakerspool.WithMinFree(-1), "WithMinFree(-1): want 0 or more"},
		{breakerspool.WithSync(breakerspool.SyncInterval(0)), "WithSync: SyncInterval(0s): want more than 0"},
		{breakerspool.WithSegmentBytes(0), "WithSegmentBytes(0): want 4096..536870912"},
		{breakerspool.WithSegmentBytes(4<<10 - 1), "WithSegmentBytes(4095): want 4096..536870912"},
		{breakerspool.WithSegmentBytes(512<<20 + 1), "WithSegmentBytes(536870913): want 4096..536870912"},
	} {
		dir := t.TempDir()
		_, err := breakerspool.Open(dir, c.option)
		require.ErrorContains(t, err, "breakerspool: "+c.says)
		assert.Empty(t, files(t, dir))
	}
}

// TestOpen_RefusesBadOptions names every bad option in one error.
func TestOpen_RefusesBadOptions(t *testing.T) {
	_, err := breakerspool.Open(t.TempDir(), breakerspool.WithMaxBytes(1), breakerspool.WithMinFree(-2),
		breakerspool.WithMaxAge(-3), breakerspool.WithSync(breakerspool.SyncInterval(-4)), breakerspool.WithSegmentBytes(5))
	for _, want := range []string{
		"WithMaxBytes(1): want at least 65536", "WithMinFree(-2): want 0 or more", "WithMaxAge(-3ns): want 0 or more",
		"SyncInterval(-4ns): want more than 0", "WithSegmentBytes(5): want 4096..",
	} {
		assert.ErrorContains(t, err, want)
	}
	_, err = breakerspool.Open("")
	assert.ErrorContains(t, err, "want a directory")
}
