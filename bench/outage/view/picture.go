// SPDX-License-Identifier: Apache-2.0

package view

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/sink"
)

// The picture has a row for each guard, all on one time axis: records/s by where they went, p99 of
// the log calls on a logarithmic scale, the records in the spool, and the breaker's state. The
// outages are shaded. Sizes are in pixels. They leave room for the larger letters of a narrow
// picture.
const (
	pictureWidth        = 820
	plotLeft, plotRight = 66, 796
	legendHeight        = 62
	headerHeight        = legendHeight + 34 // with the names of the phases
	titleHeight         = 24                // of a line of text above a plot
	rateHeight          = 66
	callHeight          = 66
	backlogHeight       = 44
	bandHeight          = 9
	rowGap              = 12 // within a row
	rowMargin           = 18 // below a row
	axisHeight          = 26
)

// shortestCall and slowestCall are the ends of the p99 axis.
const shortestCall, slowestCall = 10 * time.Microsecond, 10 * time.Second

// pictureStyle sets no background. It spells out both color schemes, because not every renderer
// supports variables.
const pictureStyle = `<style>
text{font:13px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;fill:#3d444d}
.name{font-weight:600;font-size:15px;fill:#1f2328}
.small{font-size:12px;fill:#59636e}.bad{fill:#d1242f;font-weight:600}
.end{text-anchor:end}.mid{text-anchor:middle}
.grid{stroke:#d1d9e0;stroke-width:1}.down{fill:#818b98;fill-opacity:.16}
.primary{fill:#2f7ed8}.fallback{fill:#e0a100}.nowhere{fill:#d1242f}
.p99{fill:none;stroke:#6e40c9;stroke-width:1.6;stroke-linejoin:round}
.backlog{fill:#1b7c83}
.closed{fill:#2da44e}.open{fill:#d1242f}.half_open{fill:#e0a100}
@media (prefers-color-scheme:dark){
text{fill:#c9d1d9}.name{fill:#f0f6fc}.small{fill:#9198a1}.bad{fill:#ff6b62}
.grid{stroke:#3d444d}.down{fill:#9198a1;fill-opacity:.2}
.primary{fill:#4c9aff}.fallback{fill:#e3b341}.nowhere{fill:#ff6b62}
.p99{stroke:#b392f0}
.backlog{fill:#39c5cf}
.closed{fill:#3fb950}.open{fill:#ff6b62}.half_open{fill:#e3b341}
}
@media (max-width:640px){text{font-size:19px}.name{font-size:20px}.small{font-size:17px}}
</style>
`

// drawing is an SVG in the making.
type drawing struct {
	bytes.Buffer
	end time.Duration // of the time axis
	top float64       // of the rate axis, records/s
	max uint64        // of the backlog axis, records
}

// Picture draws the runs.
func Picture(s measure.Plan, results []measure.Result) []byte {
	d := &drawing{end: s.Duration, top: 2 * float64(s.Rate)}
	for _, r := range results {
		d.end = max(d.end, endOf(r))
		for _, sample := range r.Samples {
			d.max = max(d.max, sample.Backlog)
		}
	}
	height := headerHeight + axisHeight
	for _, r := range results {
		height += rowHeight(r)
	}
	d.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d"`+
		` width="%[1]d" height="%[2]d" role="img" aria-labelledby="title">`+"\n",
		pictureWidth, height)
	d.printf(`<title id="title">%s</title>`+"\n", summary(results))
	d.WriteString(pictureStyle)
	d.legend()
	y := headerHeight
	for _, r := range results {
		d.row(y, r)
		y += rowHeight(r)
	}
	if len(results) > 0 && s.Sink.Kind == sink.Embedded {
		d.phaseNames(results[0])
	}
	d.timeAxis(y)
	d.WriteString("</svg>\n")
	return d.Bytes()
}

// rowHeight is how much room a run takes.
func rowHeight(r measure.Result) int {
	height := titleHeight*len(titles(r)) + rateHeight + rowGap + callHeight + rowMargin
	if r.HasSpool {
		height += rowGap + backlogHeight
	}
	if r.HasBreaker {
		height += rowGap + bandHeight
	}
	return height
}

// titles are the lines above a run: its guard and what became of the records, and why they went to
// the fallback.
func titles(r measure.Result) []string {
	class, text := "small", fmt.Sprintf("undelivered %d", r.Verdict.Undelivered())
	if r.Verdict.Undelivered() > 0 {
		class = "small bad"
	}
	if r.Verdict.Lost > 0 {
		text += fmt.Sprintf(", lost %d", r.Verdict.Lost)
	}
	first := fmt.Sprintf(`<tspan class="name">%s</tspan><tspan dx="10" class="%s">%s</tspan>`,
		r.Label, class, text)
	if took, c := r.During(measure.Hang); took > 0 {
		first += fmt.Sprintf(`<tspan class="small"> · in the hang %s calls/s`,
			number(measure.PerSecond(c.Returned, took)))
		if _, opened := r.Until(measure.Open, measure.Hang); opened {
			first += "; slowest once open " + Brief(r.OnceOpened[measure.Hang])
		}
		first += "</tspan>"
	}
	why := r.Total.Reasons
	if why.Sum() == 0 {
		return []string{first}
	}
	second := fmt.Sprintf("to the fallback: %s", why)
	if r.HasSpool {
		second = fmt.Sprintf("to the spool: %s · replayed %d", why, r.Total.Replayed)
	}
	return []string{first, fmt.Sprintf(`<tspan class="small">%s</tspan>`, second)}
}

// summary describes the picture to a screen reader.
func summary(results []measure.Result) string {
	parts := make([]string, len(results))
	for i, r := range results {
		took, c := r.During(measure.Hang)
		parts[i] = fmt.Sprintf("%s brought %d of %d records to the sink and lost %d",
			r.Label, r.Verdict.InSink, r.Verdict.Offered, r.Verdict.Lost)
		if took > 0 {
			parts[i] += fmt.Sprintf(", and came to %.0f log calls/s in the hang",
				measure.PerSecond(c.Returned, took))
		}
	}
	return strings.Join(parts, "; ")
}

// endOf is when the last sample of a run was taken. A spool may take longer than the schedule.
func endOf(r measure.Result) time.Duration {
	end := r.Marks[measure.Phases].At
	if n := len(r.Samples); n > 0 {
		end = max(end, r.Samples[n-1].At)
	}
	return end
}

func (d *drawing) printf(format string, args ...any) { Say(d, format, args...) }

func (d *drawing) text(x, y float64, class, text string) {
	d.printf(`<text x="%.1f" y="%.1f" class="%s">%s</text>`+"\n", x, y, class, text)
}

func (d *drawing) rect(x, y, width, height float64, class string) {
	d.printf(`<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" class="%s"/>`+"\n",
		x, y, width, height, class)
}

func (d *drawing) line(x1, y1, x2, y2 float64) {
	d.printf(`<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" class="grid"/>`+"\n", x1, y1, x2, y2)
}

// x is where a moment is.
func (d *drawing) x(at time.Duration) float64 {
	at = min(max(at, 0), d.end)
	return plotLeft + (plotRight-plotLeft)*float64(at)/float64(d.end)
}

// legend names the colors: of the rates and the line above, of the band below.
func (d *drawing) legend() {
	entry := func(x, y float64, class, text string) {
		if class == "p99" {
			d.printf(`<path d="M%.1f %.1fh14" class="p99"/>`+"\n", x, y-4)
		} else {
			d.rect(x, y-10, 11, 11, class)
		}
		d.text(x+20, y, "", text)
	}
	entry(plotLeft, 24, "primary", "to the sink")
	entry(plotLeft+148, 24, "fallback", "to the fallback")
	entry(plotLeft+330, 24, "nowhere", "nowhere")
	entry(plotLeft+462, 24, "p99", "p99 of a log call")
	entry(plotLeft, 50, measure.Closed, "breaker closed")
	entry(plotLeft+184, 50, measure.HalfOpen, "half-open")
	entry(plotLeft+330, 50, measure.Open, "open")
	entry(plotLeft+462, 50, "backlog", "records in the spool")
}

// phaseNames stand above the first row.
func (d *drawing) phaseNames(r measure.Result) {
	names := [measure.Phases]string{"healthy", "sink hangs", "resumed", "sink dead", "restarted"}
	for p, name := range names {
		if from, to := span(r, measure.Phase(p)); to > from {
			d.text((d.x(from)+d.x(to))/2, headerHeight-10, "mid", name)
		}
	}
}

// span is when a phase of a run began and ended.
func span(r measure.Result, p measure.Phase) (from, to time.Duration) {
	took, _ := r.During(p)
	return r.Marks[p].At, r.Marks[p].At + took
}

func (d *drawing) timeAxis(y int) {
	step := time.Second
	for d.end/step > 15 {
		step *= 5
	}
	for at := time.Duration(0); at <= d.end; at += step {
		d.text(d.x(at), float64(y)+2, "small mid", Brief(at))
	}
}

// row draws one guard's run.
func (d *drawing) row(y int, r measure.Result) {
	for _, line := range titles(r) {
		y += titleHeight
		d.text(plotLeft, float64(y)-7, "", line)
	}
	rateBottom := float64(y + rateHeight)
	callTop := rateBottom + rowGap
	callBottom := callTop + callHeight
	bottom := callBottom
	if r.HasSpool {
		bottom += rowGap + backlogHeight
	}
	for p := range measure.Phases {
		if from, to := span(r, p); p.IsDown() && to > from {
			d.rect(d.x(from), float64(y), d.x(to)-d.x(from), bottom-float64(y), "down")
		}
	}
	for _, share := range []float64{0, 0.5, 1} {
		at := rateBottom - share*rateHeight
		d.line(plotLeft, at, plotRight, at)
		d.text(plotLeft-6, at+4, "small end", tick(share*d.top)+"/s")
	}
	d.rates(r, rateBottom)
	for tick := 100 * time.Microsecond; tick <= slowestCall; tick *= 100 {
		at := callY(tick, callBottom)
		d.line(plotLeft, at, plotRight, at)
		d.text(plotLeft-6, at+4, "small end", Brief(tick))
	}
	d.p99(r, callBottom)
	if r.HasSpool {
		d.backlog(r, bottom)
	}
	if r.HasBreaker {
		d.band(r, bottom+rowGap)
	}
}

// tick writes a rate in five characters at most.
func tick(perSecond float64) string {
	if perSecond < 10_000 {
		return number(perSecond)
	}
	return fmt.Sprintf("%.3gk", perSecond/1000)
}

// rates draws three areas, stacked. Rates beyond the axis are cut off: the rush after a hang would
// flatten the rest.
func (d *drawing) rates(r measure.Result, bottom float64) {
	var xs []float64
	var edges [4][]float64 // of the three areas, the lowest first
	for i := 1; i < len(r.Samples); i++ {
		took := r.Samples[i].At - r.Samples[i-1].At
		c := r.Samples[i].Counts.Minus(r.Samples[i-1].Counts)
		if took < r.Slice/2 {
			continue // two ticks at once, after the machine was busy elsewhere
		}
		sum := 0.0
		edges[0] = append(edges[0], bottom)
		nowhere := c.Returned - min(c.Returned, c.Acknowledged+c.Diverted)
		for layer, n := range []uint64{c.Acknowledged, c.Diverted, nowhere} {
			sum += measure.PerSecond(n, took)
			edges[layer+1] = append(edges[layer+1], bottom-rateHeight*min(sum/d.top, 1))
		}
		xs = append(xs, d.x(r.Samples[i-1].At+took/2))
	}
	if len(xs) == 0 {
		return
	}
	for layer, class := range []string{"primary", "fallback", "nowhere"} {
		var path strings.Builder
		pen := "M"
		for i, x := range xs {
			Say(&path, "%s%.1f %.1f", pen, x, edges[layer+1][i])
			pen = "L"
		}
		for i, x := range slices.Backward(xs) {
			Say(&path, "L%.1f %.1f", x, edges[layer][i])
		}
		d.printf(`<path d="%sZ" class="%s"/>`+"\n", path.String(), class)
	}
}

// callY is where a duration is above the bottom of the p99 axis.
func callY(took time.Duration, bottom float64) float64 {
	took = min(max(took, shortestCall), slowestCall)
	decades := func(d time.Duration) float64 {
		return math.Log10(float64(d) / float64(shortestCall))
	}
	return bottom - callHeight*decades(took)/decades(slowestCall)
}

// p99 draws the line; where no call was due it has a gap.
func (d *drawing) p99(r measure.Result, bottom float64) {
	var path strings.Builder
	pen := "M"
	for i, h := range r.Slices {
		if h == nil {
			pen = "M"
			continue
		}
		took := time.Duration(h.ValueAtQuantile(99)) * time.Microsecond
		Say(&path, "%s%.1f %.1f", pen, d.x(r.Slice*time.Duration(i)+r.Slice/2), callY(took, bottom))
		pen = "L"
	}
	if path.Len() > 0 {
		d.printf(`<path d="%s" class="p99"/>`+"\n", path.String())
	}
}

// backlog draws how many records are in the spool, with its axis.
func (d *drawing) backlog(r measure.Result, bottom float64) {
	top := max(d.max, 1)
	for _, n := range []uint64{0, top} {
		at := bottom - backlogHeight*float64(n)/float64(top)
		d.line(plotLeft, at, plotRight, at)
		d.text(plotLeft-6, at+4, "small end", measure.Compact(n))
	}
	if len(r.Samples) == 0 {
		return
	}
	var path strings.Builder
	Say(&path, "M%.1f %.1f", d.x(r.Samples[0].At), bottom)
	for _, s := range r.Samples {
		Say(&path, "L%.1f %.1f", d.x(s.At), bottom-backlogHeight*float64(s.Backlog)/float64(top))
	}
	Say(&path, "L%.1f %.1f", d.x(r.Samples[len(r.Samples)-1].At), bottom)
	d.printf(`<path d="%sZ" class="backlog"/>`+"\n", path.String())
}

// band draws the breaker's states.
func (d *drawing) band(r measure.Result, top float64) {
	state, from := measure.Closed, time.Duration(0)
	for _, c := range append(slices.Clip(r.Changes), measure.Change{At: endOf(r)}) {
		if c.At > from {
			// A probe that is answered at once is a moment; it gets a pixel all the same.
			d.rect(d.x(from), top, max(d.x(c.At)-d.x(from), 1), bandHeight, state)
		}
		state, from = c.To, c.At
	}
}
