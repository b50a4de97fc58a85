// SPDX-License-Identifier: Apache-2.0

package breakerio_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker/breakerio"
)

// record200 is a record of 200 bytes.
var record200 = append(bytes.Repeat([]byte("x"), 199), '\n')

// A record costs no allocation, whether it waits, fills a batch, or goes to the fallback. Each run
// writes several batches.
func TestBatcher_NothingAllocates(t *testing.T) {
	skipUnderRace(t)
	t.Run("accepted", func(t *testing.T) {
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), take{}, take{}), breakerio.WithBatchBytes(4<<10), breakerio.WithMaxBytes(64<<10))
		defer func() { require.NoError(t, b.Close()) }()
		fill := func() {
			for range 100 {
				_, _ = b.Write(record200)
			}
		}
		for range 100 {
			fill()
		}
		require.Zero(t, testing.AllocsPerRun(1000, fill))
	})
	t.Run("overflow", func(t *testing.T) {
		b := breakerio.NewBatcher(breakerio.NewWriter(breaker(), take{}, take{}), breakerio.WithMaxBytes(1))
		defer func() { require.NoError(t, b.Close()) }()
		require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = b.Write(record200) }))
		require.Zero(t, testing.AllocsPerRun(1000, func() { _, _ = b.Write(record200[:199]) }))
	})
}

// Records of 200 bytes to a sink that costs nothing.
func BenchmarkBatcher(b *testing.B) {
	for _, goroutines := range []int{1, 64} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			batcher := breakerio.NewBatcher(breakerio.NewWriter(breaker(), take{}, take{}))
			b.ReportAllocs()
			var wg sync.WaitGroup
			for range goroutines {
				wg.Go(func() {
					for range b.N / goroutines {
						_, _ = batcher.Write(record200)
					}
				})
			}
			wg.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			stats := batcher.Stats()
			b.ReportMetric(float64(stats.Overflowed)/float64(b.N), "overflowed/record")
			_ = batcher.Close()
		})
	}
}
