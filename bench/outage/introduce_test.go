// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"
)

// What is printed before a run and during it, in the widest words that there are.
func TestEventsFit(t *testing.T) {
	var out strings.Builder
	for _, c := range contenders {
		say(&out, "%s\n", eventLine(0, c.label+": "+c.about))
	}
	most := byReason{60_000_000, 60_000_000, 60_000_000, 60_000_000}
	say(&out, "%s\n", eventLine(maxDuration+graceToClose, "to the fallback: "+most.String()))
	s := defaults()
	s.duration, s.timeout, s.goroutines, s.rate = maxDuration-time.Second, maxTimeout-time.Millisecond, maxGoroutines, maxRate
	s.guards, _ = parseGuards(allGuards)
	introduce(&out, s)
	s.sink = endpoint{lokiSink, "http://127.0.0.1:65535" + pushPath}
	introduce(&out, s)
	fits(t, 80, out.String())
}
