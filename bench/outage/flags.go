// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/atomicbreaker"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/view"
)

// settings are the values of the flags.
type settings struct {
	measure.Plan
	logger  string
	guards  []string
	breaker atomicbreaker.Config // what it has differs from the settings of both breakers
	spool   string               // "": a folder beside the other records
	out     string
	keep    bool
}

// breakerOptions returns the options of atomicbreaker's breaker.
func (s *settings) breakerOptions() []atomicbreaker.Option {
	return append([]atomicbreaker.Option{
		atomicbreaker.WithFailureThreshold(failureThreshold),
		atomicbreaker.WithRecoveryTimeout(recoveryTimeout),
	}, s.breaker.Options()...)
}

// longestWait returns how long atomicbreaker's breaker may stay open before it admits a probe.
func (s *settings) longestWait() time.Duration {
	longest, jitter := recoveryTimeout, 0.0
	for key, value := range s.breaker.All() {
		switch key {
		case "recovery", "backoff":
			d, _ := time.ParseDuration(value) // a Config has valid values
			longest = max(longest, d)
		case "jitter":
			jitter, _ = strconv.ParseFloat(value, 64)
		}
	}
	return time.Duration(float64(longest) * (1 + jitter))
}

// The ranges of the flags. In less than four seconds the breakers could not close between the two
// outages. A run has at most 60 million records, and the verdict takes two bytes for each.
const (
	minDuration, maxDuration     = 4 * time.Second, 10 * time.Minute
	minTimeout, maxTimeout       = 10 * time.Millisecond, 10 * time.Second
	minGoroutines, maxGoroutines = 1, 1024
	minRate, maxRate             = 100, 100_000
	allLoggers                   = "all"
	allGuards                    = "all"
)

func defaults() settings {
	return settings{
		Plan: measure.Plan{
			Duration: 12 * time.Second, Timeout: 250 * time.Millisecond, Goroutines: 8, Rate: 2000,
		},
		logger: allLoggers,
		out:    "results/outage",
	}
}

const usage = `outage shows what becomes of a logger's records, and of its callers, when the
sink hangs and when it dies.

  go run ./outage [flags]

Goroutines log numbered records with real loggers to a sink: a process of its
own, which takes them as Loki does (POST ` + sink.PushPath + `, 204). After
%d %% of the time it is frozen (SIGSTOP), after %d %% it goes on, after %d %% it is
killed (SIGKILL) and after %d %% started again. Each guard goes through that in
turn, alone on the machine and with a sink of its own:

%s
atomicbreaker's fallback is a spool, which is replayed into the sink. At the end
the sink's file and the fallback are read back, and the demo looks for every
record. A picture of the run goes to outage.svg, the printed tables to
outage.txt.

Flags:
  -duration D     how long each guard's run takes, %s to %s (default %s)
  -timeout D      how long a log call may wait for the sink, %s to %s
                  (default %s) and at most an eighth of -duration. It is
                  the client's timeout; with atomicbreaker the lane's, and the
                  client has %d times as long
  -rate N         records a second, all goroutines together, %d to %d
                  (default %d)
  -goroutines N   how many log at the same time, %d to %d (default %d)
  -logger NAME    %s or all: spread over the goroutines
                  (default %s)
  -guards LIST    which guards, with commas between them, or all
                  (default all; with -sink: atomicbreaker)
  -sink WHERE     your own endpoint: http://HOST%s,
                  tcp://HOST:PORT (a line each), syslog://HOST:PORT (RFC 5424,
                  octet counting), or a file: ./NAME, /PATH or file:///PATH.
                  The demo does not freeze or kill it: do so yourself while
                  this runs. Only the fallback is read back
  -breaker TEXT   atomicbreaker's configuration: keys and values such as
                  failures=5,recovery=400ms,backoff=1s,jitter=0.2. It may stay
                  open for at most a quarter of -duration
  -spool DIR      with -sink: the folder of atomicbreaker's spool, which stays.
                  Records of an earlier run that are in it are delivered first,
                  for example those of a run that was killed
  -out DIR        where the picture and the tables go (default %s)
  -keep           keep the files of records, and print where they are
  -h              this text

Exit status: 0 if all is well; 1 if atomicbreaker lost a record or did not bring
it to the demo's own sink, if in the hang it was slower than half its healthy
rate, if a breaker did not close again, or if the demo could not run; 2 for a
flag that cannot be used. (go run reports 2 as 1.)
`

func printUsage(w io.Writer) {
	var guards strings.Builder
	for _, c := range contenders {
		about := c.about
		if c.Label != c.Name {
			about = c.Label + ": " + about
		}
		view.Say(&guards, "  %-13s  %s\n", c.Name, about)
	}
	d := defaults()
	begins := measure.Begins
	view.Say(w, usage,
		begins[measure.Hang], begins[measure.Resumed],
		begins[measure.Dead], begins[measure.Restarted],
		guards.String(),
		view.Brief(minDuration), view.Brief(maxDuration), view.Brief(d.Duration),
		view.Brief(minTimeout), view.Brief(maxTimeout), view.Brief(d.Timeout),
		laneHeadroom, minRate, maxRate, d.Rate, minGoroutines, maxGoroutines, d.Goroutines,
		strings.Join(loggerKinds, ", "), d.logger, sink.PushPath, d.out)
}

// parseFlags returns flag.ErrHelp for -h. Any other error is one line that names the flag, its
// value and the values it accepts.
func parseFlags(args []string) (settings, error) {
	s := defaults()
	set := flag.NewFlagSet("outage", flag.ContinueOnError)
	set.SetOutput(io.Discard) // main prints the error, and the usage for -h alone
	set.Func("duration", "", period(&s.Duration, minDuration, maxDuration))
	set.Func("timeout", "", period(&s.Timeout, minTimeout, maxTimeout))
	set.Func("goroutines", "", wholeNumber(&s.Goroutines, minGoroutines, maxGoroutines))
	set.Func("rate", "", wholeNumber(&s.Rate, minRate, maxRate))
	set.Func("logger", "", func(v string) error {
		if s.logger = v; v != allLoggers && !slices.Contains(loggerKinds, v) {
			return fmt.Errorf("want %s or %s", strings.Join(loggerKinds, ", "), allLoggers)
		}
		return nil
	})
	set.Func("guards", "", func(v string) (err error) {
		s.guards, err = parseGuards(v)
		return err
	})
	set.Func("sink", "", func(v string) (err error) {
		s.Sink, err = sink.ParseEndpoint(v)
		return err
	})
	set.Func("breaker", "", func(v string) error { return oneLine(s.breaker.UnmarshalText([]byte(v))) })
	set.Func("spool", "", func(v string) error {
		if s.spool = v; v == "" {
			return errors.New("want a folder")
		}
		return nil
	})
	set.Func("out", "", func(v string) error {
		if s.out = v; v == "" {
			return errors.New("want a folder")
		}
		return nil
	})
	set.BoolFunc("keep", "", func(v string) (err error) {
		if s.keep, err = strconv.ParseBool(v); err != nil {
			return errors.New("want true or false, or just -keep")
		}
		return nil
	})
	if err := set.Parse(args); err != nil {
		return settings{}, err
	}
	if set.NArg() > 0 {
		return settings{}, fmt.Errorf("unexpected argument %q: want flags only", set.Arg(0))
	}
	if most := s.Duration / 8; s.Timeout > most {
		return settings{}, fmt.Errorf("-timeout %s: want at most %s, an eighth of -duration %s",
			view.Brief(s.Timeout), view.Brief(most), view.Brief(s.Duration))
	}
	if _, err := atomicbreaker.New("loki", s.breakerOptions()...); err != nil {
		return settings{}, fmt.Errorf("-breaker %q: %w", s.breaker, oneLine(err))
	}
	if wait, most := s.longestWait(), s.Duration/4; wait > most {
		return settings{}, fmt.Errorf("-breaker %q: it may stay open for %s: want at most %s, "+
			"a quarter of -duration %s", s.breaker, wait, view.Brief(most), view.Brief(s.Duration))
	}
	if s.spool != "" && s.Sink.Kind == sink.Embedded {
		return settings{}, fmt.Errorf("-spool %q: want -sink with it, because the demo's own sink "+
			"begins empty", s.spool)
	}
	if s.guards == nil {
		s.guards, _ = parseGuards(allGuards)
		if s.Sink.Kind != sink.Embedded {
			s.guards = []string{atomicBreaker}
		}
	}
	return s, nil
}

// parseGuards returns the names in the order of the contenders, which is also that of the tables.
func parseGuards(v string) (names []string, err error) {
	var known []string
	asked := strings.Split(v, ",")
	for _, c := range contenders {
		known = append(known, c.Name)
		if v == allGuards || slices.Contains(asked, c.Name) {
			names = append(names, c.Name)
		}
	}
	for _, name := range asked {
		if v != allGuards && !slices.Contains(known, name) {
			return nil, fmt.Errorf("%q: want some of %s, with commas between them, or %s",
				name, strings.Join(known, ", "), allGuards)
		}
	}
	return names, nil
}

// oneLine returns an error whose text is one line.
func oneLine(err error) error {
	if err == nil {
		return nil
	}
	return errors.New(strings.ReplaceAll(err.Error(), "\n", "; "))
}

func period(to *time.Duration, least, most time.Duration) func(string) error {
	return func(v string) error {
		d, err := time.ParseDuration(v)
		if err != nil || d < least || d > most {
			return fmt.Errorf("want a duration such as %s, from %s to %s",
				view.Brief(*to), view.Brief(least), view.Brief(most))
		}
		*to = d
		return nil
	}
}

func wholeNumber(to *int, least, most int) func(string) error {
	return func(v string) error {
		n, err := strconv.Atoi(v)
		if err != nil || n < least || n > most {
			return fmt.Errorf("want a whole number from %d to %d", least, most)
		}
		*to = n
		return nil
	}
}
