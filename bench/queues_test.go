// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/queues"
	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

func TestMain(m *testing.M) { scenario.RunTests(m) }

// BenchmarkQueue times queues on disk, with records of 200 bytes. An operation is a record, except
// for open.
func BenchmarkQueue(b *testing.B) {
	run(b, []int{1, 2}, scenario.QueueAppend)
	for _, q := range queues.All {
		b.Run("impl="+q.Name+"/op=append/sync=always/g=1", func(b *testing.B) {
			open := openQueue(b, q, b.TempDir(), true)
			loop := scenario.AppendLoop(open)
			loop(1) // creates the first file
			b.ResetTimer()
			loop(b.N)
		})
		for _, batches := range []bool{false, true} {
			b.Run(fmt.Sprintf("impl=%s/op=read/batches=%t/g=1", q.Name, batches), func(b *testing.B) {
				open := openQueue(b, q, b.TempDir(), false)
				require.NoError(b, open.Fill(b.N, scenario.NewRecord()))
				b.ReportAllocs()
				b.ResetTimer()
				require.NoError(b, open.Drain(scenario.Nowhere{}, batches))
			})
		}
		b.Run("impl="+q.Name+"/op=size/g=1", func(b *testing.B) {
			b.ReportMetric(0, "ns/op") // would include filling
			b.ReportMetric(measureSize(b, q), "disk-B/record")
		})
		measureOpen(b, q)
	}
}

func openQueue(b *testing.B, q scenario.Queue, dir string, durable bool) scenario.OpenQueue {
	b.Helper()
	open, err := q.Open(dir, durable)
	require.NoError(b, err)
	b.Cleanup(func() { _ = open.Close() })
	return open
}

// measureSize returns the bytes on disk that a record takes, of many.
func measureSize(b *testing.B, q scenario.Queue) float64 {
	b.Helper()
	const records = 50_000
	dir := b.TempDir()
	open := openQueue(b, q, dir, false)
	require.NoError(b, open.Fill(records, scenario.NewRecord()))
	var size int64
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		size += info.Size()
		return err
	})
	require.NoError(b, err)
	return float64(size) / records
}

// measureOpen times the opening of a queue with 64 MiB of records.
func measureOpen(b *testing.B, q scenario.Queue) {
	b.Helper()
	dir := ""
	b.Run("impl="+q.Name+"/op=open/records=64MiB/g=1", func(outer *testing.B) {
		if dir == "" { // once, not for each b.N
			dir = b.TempDir()
			open, err := q.Open(dir, false)
			require.NoError(outer, err)
			require.NoError(outer, open.Fill(64<<20/scenario.RecordSize, scenario.NewRecord()))
			require.NoError(outer, open.Close())
		}
		outer.ReportMetric(0, "ns/op")
		var took time.Duration
		for range outer.N {
			start := time.Now()
			open, err := q.Open(dir, false)
			took += time.Since(start)
			require.NoError(outer, err)
			require.NoError(outer, open.Close())
		}
		outer.ReportMetric(took.Seconds()*1e3/float64(outer.N), "ms/open")
	})
}
