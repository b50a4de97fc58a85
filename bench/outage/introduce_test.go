// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view/console"
)

// What is printed before a run and during it, in the widest words that there are.
func TestEventsFit(t *testing.T) {
	var out strings.Builder
	for _, c := range contenders {
		view.Say(&out, "%s\n", view.EventLine(0, c.Label+": "+c.about))
	}
	longest := defaults()
	most := measure.ByReason{60_000_000, 60_000_000, 60_000_000, 60_000_000}
	view.Say(&out, "%s\n",
		view.EventLine(maxDuration+longest.graceToClose(), "to the fallback: "+most.String()))
	s := defaults()
	s.Duration, s.Timeout = maxDuration-time.Second, maxTimeout-time.Millisecond
	s.Goroutines, s.Rate = maxGoroutines, maxRate
	s.guards, _ = parseGuards(allGuards)
	introduce(&out, s, "http://127.0.0.1:65535/")
	s.Sink = sink.Endpoint{Kind: sink.Loki, Where: "http://127.0.0.1:65535" + sink.PushPath}
	introduce(&out, s, "http://127.0.0.1:65535/")
	console.Fits(t, 80, out.String())
}
