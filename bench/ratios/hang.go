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
type hang struct{ ours, gobreaker time.Duration }

// measureHang takes six seconds.
func measureHang() hang {
	return hang{
		ours:      slowestWhileOpen("breakerio", hangGoroutines),
		gobreaker: slowestWhileOpen("gobreaker", hangGoroutines),
	}
}

// reportHang prints the limit and returns 1 if it is exceeded. If gobreaker takes less than a
// timeout, the measurement is invalid.
func reportHang(w io.Writer, h hang) (missed int) {
	verdict := "ok"
	if h.ours > maxWhileOpen || h.gobreaker < hangTimeout {
		verdict, missed = "missed", 1
	}
	rival := fmt.Sprintf("%v gobreaker, a timeout is %v",
		h.gobreaker.Round(time.Millisecond), hangTimeout)
	printf(w, row, "slowest log call while open, the sink hangs",
		maxWhileOpen, h.ours.Round(10*time.Microsecond), verdict, rival)
	return missed
}
