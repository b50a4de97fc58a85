// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"
)

const (
	// maxWhileOpen is the longest that a log call may take while the breaker is open and the sink
	// hangs.
	maxWhileOpen = 10 * time.Millisecond

	hangGoroutines = 8
)

// hang holds the duration of the slowest log call while the breaker was open and the sink hung.
type hang struct{ ours, mutex time.Duration }

// measureHang takes six seconds.
func measureHang() hang {
	return hang{slowestWhileOpen("breakerio", hangGoroutines), slowestWhileOpen("gobreaker", hangGoroutines)}
}

// reportHang prints the limit and returns 1 if it is exceeded. If the mutex variant takes less than
// a timeout, the measurement is invalid.
func reportHang(w io.Writer, h hang) (missed int) {
	verdict := "ok"
	if h.ours > maxWhileOpen || h.mutex < hangTimeout {
		verdict, missed = "missed", 1
	}
	printf(w, row, "slowest log call while open, the sink hangs", maxWhileOpen, h.ours.Round(10*time.Microsecond), verdict,
		fmt.Sprintf("%v gobreaker, a timeout is %v", h.mutex.Round(time.Millisecond), hangTimeout))
	return missed
}
