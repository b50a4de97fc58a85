// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"io"
	"sync"
	"time"
)

// These are the scenarios of a Lane.
const (
	LaneRecord Scenario = "Lane/width=1/sink=nowhere" // one record, written by another goroutine
	LaneBurst  Scenario = "Lane/width=64/sink=5ms"    // 64 goroutines write one record each
)

// BurstWidth is the number of goroutines in LaneBurst.
const BurstWidth = 64

const burstTime = 5 * time.Millisecond

// Sleeper is a sink that takes 5 ms for each record, and any number of records at once.
type Sleeper struct{}

func (Sleeper) Write(p []byte) (int, error) {
	time.Sleep(burstTime)
	return len(p), nil
}

// BurstLoop has goroutines of its own, because each of them must write in every turn.
func BurstLoop(w io.Writer) Loop {
	write := WriteLoop(w)
	return func(n int) {
		var done sync.WaitGroup
		for range BurstWidth {
			done.Go(func() { write(n) })
		}
		done.Wait()
	}
}
