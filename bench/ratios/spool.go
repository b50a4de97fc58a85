// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/metrics"
	"strconv"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerspool"
	spoolqueue "github.com/sinkguard/go-atomicbreaker/bench/queues/breakerspool"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// The documented limits of a spool, with records of 200 bytes.
const (
	minReplayBatches = 300_000 // records a second, in batches
	minReplay        = 150_000 // one by one
	maxOpen          = 2 * time.Second
	maxReplayMemory  = 32 << 20
)

const (
	spoolBytes    = 1 << 30 // that are opened, and replayed by another process
	replayRecords = 200_000
	spoolTries    = 3 // the best counts, because other work only adds time
)

// spooled holds what was measured of a spool.
type spooled struct {
	batches, single float64 // records a second
	open            time.Duration
	memory          memory
}

// memory holds the largest sizes of a process that opens and replays a spool.
type memory struct {
	heap     uint64 // bytes of objects, unreachable ones included
	resident uint64 // bytes, the program's included; 0: unknown
}

// measureSpool times the replay of records, and the opening of a spool with so many bytes of files.
// With 1 GiB it takes some 20 s.
func measureSpool(bytes int64, records int) (s spooled, err error) {
	dir, err := scenario.Scratch()
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for range spoolTries {
		for _, batches := range []bool{true, false} {
			rate, err := replayRate(records, batches)
			if err != nil {
				return s, err
			}
			best := &s.single
			if batches {
				best = &s.batches
			}
			*best = max(*best, rate)
		}
	}
	err = fillSpool(dir, bytes)
	if errors.Is(err, breakerspool.ErrDiskFull) {
		return s, fmt.Errorf("no room for %d MiB in %s: set TMPDIR: %w", bytes>>20, os.TempDir(), err)
	}
	if err != nil {
		return s, err
	}
	s.open = time.Hour
	for range spoolTries {
		took, err := openTime(dir)
		if err != nil {
			return s, err
		}
		s.open = min(s.open, took)
	}
	s.memory, err = replayMemory(dir)
	return s, err
}

// replayRate fills a spool and returns how many records a second come back.
func replayRate(records int, batches bool) (rate float64, err error) {
	dir, err := scenario.Scratch()
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	q, err := openQueue(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, q.Close()) }()
	if err := q.Fill(records, scenario.NewRecord()); err != nil {
		return 0, err
	}
	start := time.Now()
	err = q.Drain(scenario.Nowhere{}, batches)
	return float64(records) / time.Since(start).Seconds(), err
}

func openQueue(dir string) (scenario.OpenQueue, error) { return spoolqueue.Queue.Open(dir, false) }

// fillSpool makes a spool with so many bytes of files.
func fillSpool(dir string, size int64) (err error) {
	s, err := breakerspool.Open(dir, breakerspool.WithMaxBytes(2*size))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	record := scenario.NewRecord()
	for s.Stats().Bytes < size {
		for range 1000 {
			if _, err := s.Write(record); err != nil {
				return err
			}
		}
	}
	return nil
}

func openTime(dir string) (time.Duration, error) {
	start := time.Now()
	q, err := openQueue(dir)
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	return took, q.Close()
}

// asReplay is an environment variable with a directory. If it is set, this program becomes the
// process that replays the directory.
const asReplay = "BENCH_REPLAY"

func init() {
	if dir := os.Getenv(asReplay); dir != "" {
		if err := replayAll(dir, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "ratios: replay:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// replayAll replays a spool to nowhere, and prints the sizes of this process.
func replayAll(dir string, w io.Writer) error {
	q, err := openQueue(dir)
	if err != nil {
		return err
	}
	sink := &heapSink{}
	if err := errors.Join(q.Drain(sink, true), q.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(w, sink.largest, residentPeak())
	return err
}

// heapSink looks at the heap at each write.
type heapSink struct{ largest uint64 }

func (s *heapSink) Write(p []byte) (int, error) {
	s.largest = max(s.largest, heapBytes())
	return len(p), nil
}

func heapBytes() uint64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// residentPeak returns the largest resident size of this process, on Linux.
func residentPeak() uint64 {
	status, _ := os.ReadFile("/proc/self/status") // elsewhere there is none
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(size), " kB"), 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// replayMemory starts the process that replays a directory.
func replayMemory(dir string) (m memory, err error) {
	self, err := os.Executable()
	if err != nil {
		return m, err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asReplay+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return m, fmt.Errorf("the process that replays: %w", err)
	}
	_, err = fmt.Sscan(string(out), &m.heap, &m.resident)
	return m, err
}

// reportSpool prints the limits of a spool and returns how many are missed.
func reportSpool(w io.Writer, s spooled, err error) (missed int) {
	if err != nil {
		printf(w, row, "a spool: replay, open, memory", "-", "-", "missed", err.Error())
		return 1
	}
	line := func(name, limit, measured string, ok bool, more string) {
		verdict := "ok"
		if !ok {
			verdict = "missed"
			missed++
		}
		printf(w, row, name, limit, measured, verdict, more)
	}
	rate := func(records float64) string { return fmt.Sprintf("%.0fk/s", records/1e3) }
	line("spool: records replayed in batches, at least",
		rate(minReplayBatches), rate(s.batches), s.batches >= minReplayBatches, "")
	line("spool: records replayed one by one, at least",
		rate(minReplay), rate(s.single), s.single >= minReplay, "")
	line("spool: open of 1 GiB",
		maxOpen.String(), s.open.Round(10*time.Millisecond).String(), s.open <= maxOpen, "")
	mib := func(bytes uint64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }
	used, more := s.memory.heap, "heap; the resident size is unknown here"
	if s.memory.resident > 0 {
		used, more = s.memory.resident, "resident; heap "+mib(s.memory.heap)
	}
	line("spool: memory of a process that replays 1 GiB",
		mib(maxReplayMemory), mib(used), s.memory.heap > 0 && used <= maxReplayMemory, more)
	return missed
}
