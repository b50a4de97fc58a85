// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"slices"
	"strings"
)

// introduce says what will happen.
func introduce(w io.Writer, s settings) {
	say(w, "load      %d goroutines log %d records/s with %s for %s\n", s.goroutines, s.rate, s.loggerNames(), brief(s.duration))
	say(w, "guards    %s\n", strings.Join(s.labels(), ", "))
	if s.sink.kind == embeddedSink {
		say(w, "sink      a process that stores a record and then answers 204, as Loki does\n")
		say(w, "schedule  hang at %s, resume at %s, kill at %s, restart at %s\n",
			brief(hang.at(s.duration)), brief(resumed.at(s.duration)), brief(dead.at(s.duration)), brief(restarted.at(s.duration)))
	} else {
		say(w, "sink      %s\n          It is yours to stop and start while this runs.\n", s.sink.where)
	}
	say(w, "timeout   a log call waits for the sink for at most %s\n", brief(s.timeout))
	say(w, "breakers  open after %d failures in a row, probe after %s\n\n", failureThreshold, recoveryTimeout)
}

// labels are those of the guards that were asked for.
func (s settings) labels() (labels []string) {
	for _, c := range contenders {
		if slices.Contains(s.guards, c.name) {
			labels = append(labels, c.label)
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
