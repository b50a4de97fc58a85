// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// plots lists all plots; the README shows the first.
var plots = []picture{
	{
		"calls.svg",
		"What a healthy call and a rejected call cost, by implementation, on a logarithmic scale",
		640, 430, calls,
	},
	{
		"failures.svg",
		"What a call costs by the share of calls that fail, two goroutines, on a logarithmic scale",
		640, 380, failures,
	},
	{
		"goroutines.svg",
		"What a healthy call costs by the number of goroutines that share a breaker",
		640, 380, goroutines,
	},
	{
		"fleet.svg",
		"What one breaker keeps in memory, by how many there are",
		640, 380, memory,
	},
	{
		"log.svg",
		"What a log call costs without a breaker and with each of them",
		640, 400, logs,
	},
}

// dot is a row of a dot plot: its label, and the benchmarks of the series.
type dot struct {
	name, impl string
	patterns   []string
}

// dots draws one row for each dot, the first on top: medians on a logarithmic scale, with their
// intervals as bars. Each series has a shape, and each row a color.
func dots(p *plot.Plot, d *data, rows []dot, series []string) error {
	shapes := []draw.GlyphDrawer{draw.CircleGlyph{}, draw.RingGlyph{}, draw.TriangleGlyph{}}
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, powers{nanoseconds}
	low, high := math.Inf(1), math.Inf(-1)
	var names []string
	slices.Reverse(rows)
	for i, row := range rows {
		names = append(names, row.name+"    ") // other fonts are wider
		for s, pattern := range row.patterns {
			v := d.get(column{pattern: pattern}.name(row.impl), "ns/op")
			if v.no || pattern == "" {
				continue
			}
			low, high = min(low, v.low), max(high, v.high)
			y := float64(i) + 0.16*(float64(len(series)-1)/2-float64(s))
			line, err := plotter.NewLine(plotter.XYs{{X: v.low, Y: y}, {X: v.high, Y: y}})
			if err != nil {
				return err
			}
			line.Color, line.Width = colors[row.impl], vg.Points(2)
			point, err := plotter.NewScatter(plotter.XYs{{X: v.center, Y: y}})
			if err != nil {
				return err
			}
			point.GlyphStyle = draw.GlyphStyle{
				Color: colors[row.impl], Radius: vg.Points(4), Shape: shapes[s],
			}
			p.Add(line, point)
		}
	}
	p.X.Min, p.X.Max = wholePowers(low, high)
	p.Y.Min, p.Y.Max = -0.6, float64(len(rows))-0.4
	p.X.Label.Text = "time a call"
	p.Y.Tick.Marker = named(names)
	p.Y.Width, p.Y.Tick.Width = 0, 0
	grid(p, true, false)
	for s, name := range series {
		style := draw.GlyphStyle{Color: ink, Radius: vg.Points(4), Shape: shapes[s]}
		p.Legend.Add(name, &glyph{style})
	}
	legend(p)
	return nil
}

// wholePowers returns the powers of ten around low and high.
func wholePowers(low, high float64) (below, above float64) {
	return math.Pow(10, math.Floor(math.Log10(low))), math.Pow(10, math.Ceil(math.Log10(high)))
}

func calls(p *plot.Plot, d *data) error {
	p.Title.Text = "One call, one goroutine, logarithmic"
	const (
		pair   = "Healthy/impl=%s/call=pair/g=1"
		permit = "Healthy/impl=%s/call=permit/g=1"
		do     = "Healthy/impl=%s/call=do/g=1"
		open   = "Rejecting/impl=%s/state=open/call="
	)
	rows := []dot{
		{"atomicbreaker, Allow", "atomic", []string{pair, open + "pair/g=1"}},
		{"atomicbreaker, TryAcquire", "atomic", []string{permit, open + "permit/g=1"}},
		{"atomicbreaker, Do", "atomic", []string{do, open + "do/g=1"}},
		{"the same behind a Mutex, Do", "mutex", []string{do, open + "do/g=1"}},
	}
	for _, impl := range []string{"eapache", "rubyist", "gobreaker", "gozero", "failsafe"} {
		rows = append(rows, dot{impl + ", Do", impl, []string{do, open + "do/g=1"}})
	}
	rows = append(rows,
		dot{"failsafe, two steps", "failsafe", []string{permit, open + "permit/g=1"}},
		dot{"gobreaker, two steps", "gobreaker", []string{permit, open + "permit/g=1"}},
		dot{"handy, two steps", "handy", []string{permit, open + "permit/g=1"}},
		dot{"hystrix, Do", "hystrix", []string{do, open + "do/g=1"}},
		dot{"limit: atomic loads", "load", []string{pair, open + "pair/g=1"}},
		dot{"limit: reading the clock", "clock", []string{pair}})
	return dots(p, d, rows, []string{"healthy", "rejected"})
}

func logs(p *plot.Plot, d *data) error {
	p.Title.Text = "One log call to a sink that does nothing, logarithmic"
	var rows []dot
	names := map[string]string{
		"bare":      "no breaker",
		"atomic":    "atomicbreaker, by hand",
		"breakerio": "atomicbreaker/breakerio",
		"mutex":     "the same behind a Mutex",
	}
	for _, impl := range []string{
		"bare", "atomic", "breakerio", "mutex",
		"eapache", "gobreaker", "rubyist", "gozero", "failsafe", "handy", "hystrix",
	} {
		row := dot{impl: impl, name: names[impl]}
		if row.name == "" {
			row.name = impl
		}
		for _, logger := range []string{"slog", "zap", "zerolog"} {
			row.patterns = append(row.patterns, "Log/impl=%s/logger="+logger+"/sink=discard/g=1")
		}
		rows = append(rows, row)
	}
	return dots(p, d, rows, []string{"slog", "zap", "zerolog"})
}

// lines draws one line for each implementation over x, with its name at the right end and its
// intervals as bars.
func lines(
	p *plot.Plot, xs []float64, of map[string][]value, names map[string]string, x0, x1 float64,
) error {
	low, high := math.Inf(1), math.Inf(-1)
	var ends []lineEnd
	// Bars of the same x stand beside each other.
	aside := (x1 - x0) * 0.006 * float64(len(of)-1) / 2
	for _, impl := range append([]string{"atomic_open", "atomic_do", "eapache_open"}, impls()...) {
		var points plotter.XYs
		color := colors[base(impl)]
		if of[impl] != nil {
			aside -= (x1 - x0) * 0.006
		}
		for i, v := range of[impl] {
			if v.no {
				continue
			}
			low, high = min(low, v.low), max(high, v.high)
			x := xs[i] + aside
			points = append(points, plotter.XY{X: x, Y: v.center})
			bar, err := plotter.NewLine(plotter.XYs{{X: x, Y: v.low}, {X: x, Y: v.high}})
			if err != nil {
				return err
			}
			bar.Color, bar.Width = color, vg.Points(2)
			p.Add(bar)
		}
		if points == nil {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = color, vg.Points(1.5)
		if base(impl) == "atomic" {
			line.Width = vg.Points(3)
		}
		if impl != base(impl) {
			line.Dashes = []vg.Length{vg.Points(6), vg.Points(3)}
		}
		dots.GlyphStyle = draw.GlyphStyle{
			Color: color, Radius: vg.Points(2.5), Shape: draw.CircleGlyph{},
		}
		p.Add(line, dots)
		name := names[impl]
		if name == "" {
			name = impl
		}
		ends = append(ends, lineEnd{points[len(points)-1], name, impl})
	}
	p.X.Min, p.X.Max = x0, x1
	p.Y.Scale = plot.LogScale{}
	p.Y.Min, p.Y.Max = wholePowers(low, high)
	grid(p, false, true)
	return nameLines(p, ends)
}

// base returns the implementation to which a line belongs, for implementations with several lines.
func base(impl string) string {
	impl, _, _ = strings.Cut(impl, "_")
	return impl
}

// withFunction are the lines of the plots of calls with a function.
var withFunction = []string{
	"atomic_do", "mutex", "gobreaker", "failsafe", "eapache", "rubyist", "gozero", "hystrix",
}

// callNames are the names of the lines of ours.
var callNames = map[string]string{
	"atomic":    "atomicbreaker, Allow",
	"atomic_do": "atomicbreaker, Do",
}

func failures(p *plot.Plot, d *data) error {
	p.Title.Text = "One call by the share that fails, two goroutines, logarithmic"
	of := map[string][]value{}
	add := func(line, call string) {
		impl := "impl=" + base(line)
		values := []value{d.get("Healthy/"+impl+"/call="+call+"/g=2", "ns/op")}
		for _, share := range []string{"0.1%", "1%", "25%"} {
			name := "Flaky/" + impl + "/fails=" + share + "/call=" + call + "/g=2"
			values = append(values, d.get(name, "ns/op"))
		}
		of[line] = values
	}
	add("atomic", "pair")
	for _, line := range withFunction {
		add(line, "do")
	}
	p.X.Tick.Marker = named([]string{"none", "0.1 %", "1 %", "25 %"})
	p.X.Label.Text, p.Y.Label.Text = "share of the calls that fails", "time a call"
	p.Y.Tick.Marker = powers{nanoseconds}
	return lines(p, []float64{0, 1, 2, 3}, of, callNames, -0.2, 3.1)
}

func goroutines(p *plot.Plot, d *data) error {
	p.Title.Text = "One healthy call by the goroutines on two cores, logarithmic"
	var xs []float64
	var counts []string
	of := map[string][]value{}
	add := func(line, call, n string) {
		name := "Healthy/impl=" + base(line) + "/call=" + call + "/g=" + n
		of[line] = append(of[line], d.get(name, "ns/op"))
	}
	for i, n := range []string{"1", "2", "4", "16", "256", "4096"} {
		xs, counts = append(xs, float64(i)), append(counts, n)
		add("atomic", "pair", n)
		for _, line := range withFunction {
			add(line, "do", n)
		}
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = named(counts), powers{nanoseconds}
	p.X.Label.Text, p.Y.Label.Text = "goroutines", "time a call"
	return lines(p, xs, of, callNames, -0.2, 5.15)
}

func memory(p *plot.Plot, d *data) error {
	p.Title.Text = "Bytes of a breaker by how many there are, logarithmic"
	of := map[string][]value{}
	add := func(line, unit string) {
		for _, n := range []string{"1", "1000", "1000000"} {
			name := "Fleet/impl=" + base(line) + "/breakers=" + n
			of[line] = append(of[line], d.get(name, unit))
		}
	}
	for _, line := range []string{
		"atomic", "mutex", "gobreaker", "failsafe", "eapache", "rubyist", "gozero",
	} {
		add(line, "closed-B/breaker")
	}
	add("atomic_open", "open-B/breaker")
	add("eapache_open", "open-B/breaker")
	names := map[string]string{
		"atomic":       "atomicbreaker",
		"atomic_open":  "atomicbreaker, open",
		"eapache_open": "eapache, open",
	}
	p.X.Tick.Marker = named([]string{"1", "1,000", "1,000,000"})
	p.Y.Tick.Marker = powers{byteCount}
	p.X.Label.Text, p.Y.Label.Text = "breakers", "memory of one"
	return lines(p, []float64{0, 1, 2}, of, names, -0.1, 2.07)
}
