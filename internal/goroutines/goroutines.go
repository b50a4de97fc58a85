// SPDX-License-Identifier: Apache-2.0

// Package goroutines counts goroutines for the tests that say how many there are.
package goroutines

import (
	"bytes"
	"runtime"
)

// Bubble stands in the trace of a goroutine that is in a bubble of testing/synctest.
const Bubble = ", synctest bubble "

// Count returns how many goroutines are alive in whose stack trace text stands.
//
// It reads the traces, which takes a stop of the world, and not runtime.NumGoroutine: that is a difference of counters
// which change meanwhile, of the whole process, and has been seen to be 33 too many when both cores are busy.
func Count(text string) int {
	for size := 1 << 16; ; size *= 2 {
		all := make([]byte, size)
		n := runtime.Stack(all, true)
		if n == size {
			continue // it may have been cut
		}
		count := 0
		for trace := range bytes.SplitSeq(all[:n], []byte("\n\n")) {
			if bytes.Contains(trace, []byte(text)) {
				count++
			}
		}
		return count
	}
}
