// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench"
)

const (
	// maxWhileOpen is how long a log call may take while the breaker is open and the sink hangs.
	maxWhileOpen = 10 * time.Millisecond

	hangGoroutines = 8
)

// hang is how long the slowest log call took while the breaker was open and the sink hung.
type hang struct{ ours, mutex time.Duration }

// measureHang takes six seconds.
func measureHang() hang {
	return hang{bench.SlowestWhileOpen("breakerio", hangGoroutines), bench.SlowestWhileOpen("gobreaker", hangGoroutines)}
}

// reportHang prints the promise and returns 1 if it is missed. That the mutex variant takes less than
// a timeout means that something else was measured.
func reportHang(w io.Writer, h hang) (missed int) {
	verdict := "ok"
	if h.ours > maxWhileOpen || h.mutex < bench.HangTimeout {
		verdict, missed = "missed", 1
	}
	printf(w, row, "slowest log call while open, the sink hangs", maxWhileOpen, h.ours.Round(10*time.Microsecond), verdict,
		fmt.Sprintf("%v gobreaker, a timeout is %v", h.mutex.Round(time.Millisecond), bench.HangTimeout))
	return missed
}
