// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"
)

// settings is what the command line decides.
type settings struct {
	duration   time.Duration
	goroutines int
	rate       int    // records/s in all; 0: as fast as it goes
	sink       string // somebody's own endpoint; "": the demo's own sink process
	keep       bool
}

// The ranges are checked and, when a value is refused, named. Under three seconds there is no time for an outage with
// a failed probe in it.
const (
	minDuration, maxDuration     = 3 * time.Second, time.Hour
	minGoroutines, maxGoroutines = 1, 1024
	minRate, maxRate             = 0, 10_000_000
)

func defaults() settings {
	return settings{duration: 15 * time.Second, goroutines: 8, rate: 10_000}
}

const usage = `outage shows what a circuit breaker does for a logger whose sink dies.

  go run ./outage [flags]

Goroutines log numbered records with log/slog, through a breaker, to an HTTP sink: a process of its own that
answers each record with 204 after appending it to a file. The demo kills that process, waits, and starts it
again on the same port. A record that the breaker turns away, or that the sink fails to take, goes to a
fallback file in the same log call. At the end both files are read back and every record is looked for.

Flags:
  -duration D     how long to log, %s to %s (default %s);
                  the sink dies after 4/15 of it and comes back after 9/15
  -goroutines N   how many log at the same time, %d to %d (default %d)
  -rate N         records a second, all goroutines together, %d to %d (default %d);
                  0: as fast as it goes, which can fill hundreds of megabytes of fallback file
  -sink URL       your own HTTP endpoint: one POST a record, one JSON object as the body, any 2xx is an
                  acknowledgement. Nothing is killed then, so stop and start it yourself while this runs;
                  only the fallback file is read back, and the endpoint's acknowledgements are believed
  -keep           keep the files, and print where they are
  -h              this text

Exit status: 0 if no record is missing, 1 if one is or the demo could not run, 2 for a flag it cannot use.
(go run reports each of the last two as 1.)
`

func printUsage(w io.Writer) {
	d := defaults()
	say(w, usage, brief(minDuration), brief(maxDuration), brief(d.duration), minGoroutines, maxGoroutines, d.goroutines, minRate, maxRate, d.rate)
}

// parseFlags returns flag.ErrHelp for -h; any other error is one line that names the flag, the value and what would do.
func parseFlags(args []string) (settings, error) {
	s := defaults()
	set := flag.NewFlagSet("outage", flag.ContinueOnError)
	set.SetOutput(io.Discard) // main prints the error, and the usage only to who asks for it
	set.Func("duration", "", func(v string) (err error) {
		s.duration, err = time.ParseDuration(v)
		if err != nil || s.duration < minDuration || s.duration > maxDuration {
			return fmt.Errorf("want a duration such as 15s, from %s to %s", brief(minDuration), brief(maxDuration))
		}
		return nil
	})
	set.Func("goroutines", "", wholeNumber(&s.goroutines, minGoroutines, maxGoroutines))
	set.Func("rate", "", wholeNumber(&s.rate, minRate, maxRate))
	set.Func("sink", "", func(v string) error {
		u, err := url.Parse(v)
		if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
			return errors.New("want an http:// or https:// URL with a host")
		}
		if port, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || port < 1 || port > 65535) {
			return fmt.Errorf("port %s: want 1 to 65535", u.Port())
		}
		s.sink = v
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
	return s, nil
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
