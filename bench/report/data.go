// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchmath"
)

// confidence is the confidence level of every interval in tables and plots.
const confidence = 0.95

// enough is the number of samples that an interval of that confidence takes. Fewer samples have
// only extremes.
const enough = 6

// data holds the results of a recorded run: the samples by benchmark name and unit.
type data struct {
	samples map[key][]float64
	config  map[string]string // the header of the file
	runs    int               // samples of each benchmark

	counted map[string]string // the header of the instructions
	ratios  string            // what ratios printed
}

type key struct{ name, unit string }

// value is a median and the bounds of its confidence interval; no is set if it was not measured.
type value struct {
	center, low, high float64
	no                bool
}

// read parses the results as benchstat does. It cuts off the number of processors that go test adds
// to each name, because it is always the same.
func read(r io.Reader, name string) (*data, error) {
	d := &data{samples: map[key][]float64{}, config: map[string]string{}}
	reader := benchfmt.NewReader(r, name)
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			return nil, record
		case *benchfmt.Result:
			full := record.Name.Full()
			if i := strings.LastIndexByte(string(full), '-'); i >= 0 {
				full = full[:i]
			}
			for _, v := range record.Values {
				unit, number := v.Unit, v.Value
				if v.OrigUnit != "" { // benchfmt makes seconds of nanoseconds
					unit, number = v.OrigUnit, v.OrigValue
				}
				k := key{string(full), unit}
				if unit == "ns/op" && number <= 0 {
					return nil, fmt.Errorf("%s: %g ns/op", k.name, number)
				}
				d.samples[k] = append(d.samples[k], number)
			}
			for _, c := range record.Config {
				if was, ok := d.config[c.Key]; ok && was != string(c.Value) {
					return nil, fmt.Errorf("two runs in one: %s is %q, then %q",
						c.Key, was, c.Value)
				}
				d.config[c.Key] = string(c.Value)
			}
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	return d, d.check()
}

// check rejects incomplete data, whose pages would look complete.
func (d *data) check() error {
	if len(d.samples) == 0 {
		return errors.New("no results")
	}
	for _, k := range []string{"commit", "toolchain", "cores", "command"} {
		if d.config[k] == "" {
			return fmt.Errorf("no header: %s is missing", k)
		}
	}
	for k, samples := range d.samples {
		if d.runs == 0 {
			d.runs = len(samples)
		}
		if d.runs != len(samples) {
			return fmt.Errorf("cut off: benchmarks with %d samples and with %d (%s)",
				d.runs, len(samples), k.name)
		}
	}
	return nil
}

// get summarizes as benchstat does: the median, without assumptions about the distribution of the
// samples. If there are too few for an interval of that confidence, the extremes stand in for it.
func (d *data) get(name, unit string) value {
	samples := d.samples[key{name, unit}]
	if len(samples) == 0 {
		return value{no: true}
	}
	sample := benchmath.NewSample(append([]float64{}, samples...), &benchmath.DefaultThresholds)
	s := benchmath.AssumeNothing.Summary(sample, confidence)
	v := value{center: s.Center, low: s.Lo, high: s.Hi}
	if len(samples) < enough {
		v.low, v.high = sample.Values[0], sample.Values[len(sample.Values)-1]
	}
	return v
}

// String formats a table cell: three digits, and the distance of the farther bound from the median.
func (v value) String() string {
	if v.no {
		return ""
	}
	spread := max(v.high-v.center, v.center-v.low)
	if v.center == 0 || spread/v.center < 0.005 {
		return digits(v.center)
	}
	return fmt.Sprintf("%s ±%.0f%%", digits(v.center), 100*spread/v.center)
}

func digits(x float64) string {
	switch {
	case x == 0:
		return "0"
	case x >= 100:
		s := fmt.Sprintf("%.0f", x)
		for i := len(s) - 3; i > 0; i -= 3 {
			s = s[:i] + "," + s[i:]
		}
		return s
	case x < 0.001:
		return fmt.Sprintf("%.1g", x)
	}
	return fmt.Sprintf("%.3g", x)
}
