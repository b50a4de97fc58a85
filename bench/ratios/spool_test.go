// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The test measures a small spool, to find what is broken before the program does.
func TestMeasureSpool(t *testing.T) {
	s, err := measureSpool(1<<20, 1000)
	require.NoError(t, err)
	assert.Positive(t, s.batches)
	assert.Positive(t, s.single)
	assert.Positive(t, s.open)
	assert.Less(t, s.open, time.Hour)
	assert.Positive(t, s.memory.heap)
	if _, err := os.Stat("/proc/self/status"); err == nil {
		assert.Greater(t, s.memory.resident, s.memory.heap)
	}
}

func TestReportSpool(t *testing.T) {
	good := spooled{minReplayBatches, minReplay, maxOpen, memory{1 << 20, maxReplayMemory}}
	change := func(f func(*spooled)) spooled {
		s := good
		f(&s)
		return s
	}
	for _, c := range []struct {
		s      spooled
		err    error
		missed int
		want   string
	}{
		{good, nil, 0, "resident; heap 1.0 MiB"},
		{change(func(s *spooled) { s.batches-- }), nil, 1, "in batches"},
		{change(func(s *spooled) { s.single-- }), nil, 1, "one by one"},
		{change(func(s *spooled) { s.open++ }), nil, 1, "open of 1 GiB"},
		{change(func(s *spooled) { s.memory.resident++ }), nil, 1, "replays 1 GiB"},
		{change(func(s *spooled) { s.memory.resident = 0 }), nil, 0, "unknown here"},
		{change(func(s *spooled) { s.memory = memory{} }), nil, 1, "unknown here"},
		{good, errors.New("no room"), 1, "no room"},
	} {
		var out strings.Builder
		assert.Equal(t, c.missed, reportSpool(&out, c.s, c.err), c.want)
		assert.Contains(t, out.String(), c.want)
		assert.Equal(t, c.missed, strings.Count(out.String(), " missed "), out.String())
	}
}
