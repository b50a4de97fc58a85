// SPDX-License-Identifier: Apache-2.0

// Package goroutines counts goroutines, for tests that check how many there are.
package goroutines

import (
	"bytes"
	"runtime"
)

// Bubble occurs in the stack trace of a goroutine in a synctest bubble.
const Bubble = ", synctest bubble "

// Count returns the number of live goroutines whose stack trace contains text.
//
// It reads the traces, which stops the world. It does not use runtime.NumGoroutine, which is a
// difference of counters of the whole process that change meanwhile, and has been seen to be 33 too
// high when both cores are busy.
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
