// SPDX-License-Identifier: Apache-2.0

package queues

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/scenario"
)

// writes keeps what it gets.
type writes struct {
	all   bytes.Buffer
	sizes []int
}

func (w *writes) Write(p []byte) (int, error) {
	w.sizes = append(w.sizes, len(p))
	return w.all.Write(p)
}

// The benchmarks are valid only if every queue keeps all records in order over a restart, and
// forgets them when they are read.
func TestQueues(t *testing.T) {
	const n = 3000 // more than fit into two batches
	for _, q := range All {
		for _, durable := range []bool{false, true} {
			for _, batches := range []bool{false, true} {
				name := fmt.Sprintf("%s,durable=%t,batches=%t", q.Name, durable, batches)
				t.Run(name, func(t *testing.T) {
					dir := t.TempDir()
					open, err := q.Open(dir, durable)
					require.NoError(t, err)
					var want strings.Builder
					for i := range 10 {
						record := fmt.Sprintf("%0*d\n", scenario.RecordSize-1, i)
						want.WriteString(record)
						require.NoError(t, open.Append([]byte(record)))
					}
					record := scenario.NewRecord()
					fill := n
					if durable {
						fill = 10 // each may be a sync
					}
					require.NoError(t, open.Fill(fill, record))
					want.WriteString(strings.Repeat(string(record), fill))
					require.NoError(t, open.Close())

					open, err = q.Open(dir, durable)
					require.NoError(t, err)
					var sink writes
					require.NoError(t, open.Drain(&sink, batches))
					assert.True(t, want.String() == sink.all.String(), "other records came back")
					for _, size := range sink.sizes {
						assert.LessOrEqual(t, size, scenario.QueueBatch)
						assert.Equal(t, batches, size > scenario.RecordSize)
					}
					require.NoError(t, open.Close())

					open, err = q.Open(dir, durable)
					require.NoError(t, err)
					var again writes
					require.NoError(t, open.Append(record))
					require.NoError(t, open.Drain(&again, batches))
					kept := 1
					if q.Name == "tidwall" { // keeps one record
						kept = 2
					}
					assert.Equal(t, kept*scenario.RecordSize, again.all.Len())
					require.NoError(t, open.Close())
				})
			}
		}
	}
}

func TestQueues_AppendTogether(t *testing.T) {
	for _, q := range All {
		open, err := q.Open(t.TempDir(), false)
		require.NoError(t, err, q.Name)
		var done sync.WaitGroup
		for range 4 {
			done.Go(func() { scenario.AppendLoop(open)(50) })
		}
		done.Wait()
		var sink writes
		require.NoError(t, open.Drain(&sink, true), q.Name)
		assert.Equal(t, 200*scenario.RecordSize, sink.all.Len(), q.Name)
		require.NoError(t, open.Close(), q.Name)
	}
}
