// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"slices"
	"strings"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view"
)

// introduce prints where the page is and what the run will do.
func introduce(w io.Writer, s settings, page string) {
	view.Say(w, "page      %s shows atomicbreaker's breaker while it runs\n", page)
	view.Say(w, "load      %d goroutines log %d records/s with %s for %s\n",
		s.Goroutines, s.Rate, s.loggerNames(), view.Brief(s.Duration))
	view.Say(w, "guards    %s\n", strings.Join(s.labels(), ", "))
	if s.Sink.Kind == sink.Embedded {
		view.Say(w, "sink      a process that stores a record and then answers 204, as Loki does\n")
		begin := func(p measure.Phase) string { return view.Brief(p.At(s.Duration)) }
		view.Say(w, "schedule  hang at %s, resume at %s, kill at %s, restart at %s\n",
			begin(measure.Hang), begin(measure.Resumed),
			begin(measure.Dead), begin(measure.Restarted))
	} else {
		view.Say(w, "sink      %s\n", s.Sink.Where)
		view.Say(w, "          It is yours to stop and start while this runs.\n")
	}
	view.Say(w, "timeout   a log call waits for the sink for at most %s\n", view.Brief(s.Timeout))
	view.Say(w, "breakers  open after %d failures in a row, probe after %s\n",
		failureThreshold, recoveryTimeout)
	if s.breaker != (atomicbreaker.Config{}) {
		view.Say(w, "          atomicbreaker's has %s\n", s.breaker)
	}
	view.Say(w, "\n")
}

// labels returns the labels of the chosen guards.
func (s settings) labels() (labels []string) {
	for _, c := range contenders {
		if slices.Contains(s.guards, c.Name) {
			labels = append(labels, c.Label)
		}
	}
	return labels
}

func (s settings) loggerNames() string {
	if s.logger == allLoggers {
		return strings.Join(loggerKinds, ", ")
	}
	return s.logger
}
