// SPDX-License-Identifier: Apache-2.0

package view

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure"
	"github.com/sinkguard/go-atomicbreaker/bench/outage/measure/measuretest"
)

// drawnRun is a run with two seconds of samples and an outage of the breaker.
func drawnRun() measure.Result {
	r := measuretest.Ran(measuretest.AtomicBreaker, measure.Counts{Returned: 6000, Diverted: 6000})
	r.Verdict.Lost = 3
	for i := range uint64(20) {
		r.Samples = append(r.Samples, measure.Sample{
			At:     time.Duration(i) * 100 * time.Millisecond,
			Counts: measure.Counts{Returned: 200 * i, Acknowledged: 150 * i, Diverted: 40 * i},
		})
	}
	r.Changes = []measure.Change{
		{At: 2 * time.Second, To: measure.Open},
		{At: 5 * time.Second, To: measure.HalfOpen},
		{At: 5 * time.Second, To: measure.Closed},
	}
	r.OnceOpened[measure.Hang] = 120 * time.Microsecond
	r.Total.Reasons = measure.ByReason{measure.Rejected: 40, measure.Hung: 2}
	r.Record(100*time.Millisecond, 110*time.Millisecond)
	r.Record(300*time.Millisecond, 310*time.Millisecond)
	return r
}

// twoRuns are one without a breaker, and that of drawnRun.
func twoRuns() []measure.Result {
	return []measure.Result{
		measuretest.Ran(measuretest.NoBreaker, measure.Counts{}), drawnRun(),
	}
}

func TestPictureIsWellFormed(t *testing.T) {
	for name, results := range map[string][]measure.Result{
		"empty": nil, "one": {drawnRun()}, "two": twoRuns(),
	} {
		t.Run(name, func(t *testing.T) {
			image := string(Picture(measuretest.Plan(), results))
			decoder := xml.NewDecoder(strings.NewReader(image))
			for {
				_, err := decoder.Token()
				if errors.Is(err, io.EOF) {
					break
				}
				require.NoError(t, err)
			}
			assert.NotContains(t, image, "NaN")
			assert.NotContains(t, image, "%!")
			assert.Contains(t, image, "@media (prefers-color-scheme:dark)")
			assert.NotContains(t, image, "href", "it refers to nothing outside")
			for _, r := range results {
				assert.Contains(t, image, ">"+r.Label+"<")
			}
			assert.Equal(t, image, string(Picture(measuretest.Plan(), results)),
				"the same run is the same picture")
		})
	}
}

// Each class that is drawn with has a colour in both schemes.
func TestPictureHasAColourForEverything(t *testing.T) {
	image := string(Picture(measuretest.Plan(), twoRuns()))
	light, dark, found := strings.Cut(pictureStyle, "@media")
	require.True(t, found)
	shapes := regexp.MustCompile(`<(?:rect|path|line)[^>]* class="(\w+)"`)
	for _, match := range shapes.FindAllStringSubmatch(image, -1) {
		assert.Contains(t, light, "."+match[1]+"{")
		assert.Contains(t, dark, "."+match[1]+"{")
	}
}

func TestPictureShowsTheBreakerAndTheOutages(t *testing.T) {
	image := string(Picture(measuretest.Plan(), []measure.Result{drawnRun()}))
	width := func(class string) (sum float64) {
		bands := regexp.MustCompile(`<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)" height="9.0" ` +
			`class="` + class + `"`)
		for _, match := range bands.FindAllStringSubmatch(image, -1) {
			w, err := strconv.ParseFloat(match[1], 64)
			require.NoError(t, err)
			sum += w
		}
		return sum
	}
	second := float64(plotRight-plotLeft) / 12
	assert.InDelta(t, 3*second, width(measure.Open), 0.2, "from 2 s to 5 s")
	assert.InDelta(t, 9*second, width(measure.Closed), 0.2)
	assert.Equal(t, 2, strings.Count(image, `class="down"`), "the hang and the death")
	for _, text := range []string{
		"sink hangs", "sink dead", "restarted", ">undelivered 3, lost 3<",
		"in the hang 2000 calls/s; slowest once open 120µs<",
		">to the spool: 40 rejected, 2 hung · replayed 0<", "0 records to the sink and lost 3",
	} {
		assert.Contains(t, image, text)
	}
}

func TestTicksFitBesideThePlot(t *testing.T) {
	for rate, want := range map[float64]string{
		0: "0", 2000: "2000", 9999: "9999", 12_000: "12k", 200_000: "200k",
	} {
		assert.Equal(t, want, tick(rate))
	}
}

func TestPictureOfRates(t *testing.T) {
	d := &drawing{end: 2 * time.Second, top: 4000}
	d.rates(drawnRun(), 100)
	areas := regexp.MustCompile(`<path d="M[\d.]+ ([\d.]+)[^"]*" class="(\w+)"`)
	paths := areas.FindAllStringSubmatch(d.String(), -1)
	require.Len(t, paths, 3)
	for i, want := range []struct {
		class string
		y     float64 // of its upper edge: 1500/s, 1900/s and 2000/s on an axis of 4000/s
	}{
		{"primary", 100 - rateHeight*0.375},
		{"fallback", 100 - rateHeight*0.475},
		{"nowhere", 100 - rateHeight*0.5},
	} {
		assert.Equal(t, want.class, paths[i][2])
		y, err := strconv.ParseFloat(paths[i][1], 64)
		require.NoError(t, err)
		assert.InDelta(t, want.y, y, 0.1)
	}
}

func TestPictureLeavesGapsWhereNoCallWasDue(t *testing.T) {
	d := &drawing{end: 12 * time.Second}
	d.p99(drawnRun(), 100)
	path := regexp.MustCompile(`d="([^"]*)"`).FindStringSubmatch(d.String())
	require.NotNil(t, path)
	assert.Equal(t, 2, strings.Count(path[1], "M"))
}

func TestCallAxisIsLogarithmic(t *testing.T) {
	assert.InDelta(t, 100, callY(shortestCall, 100), 0.01)
	assert.InDelta(t, 100-callHeight, callY(slowestCall, 100), 0.01)
	assert.InDelta(t, 100-callHeight/2.0, callY(10*time.Millisecond, 100), 0.01,
		"half of the decades")
	assert.InDelta(t, 100, callY(0, 100), 0.01, "cut off")
}

// A run with a spool has one lane more: an area that is as high as the backlog.
func TestPictureShowsTheBacklog(t *testing.T) {
	r := drawnRun()
	for i, backlog := range []uint64{0, 500, 1000, 250, 0} {
		r.Samples[i].Backlog = backlog
	}
	r.Samples = r.Samples[:5]
	without := r
	without.HasSpool = false
	assert.Equal(t, rowGap+backlogHeight, rowHeight(r)-rowHeight(without))
	assert.NotContains(t, string(Picture(measuretest.Plan(), []measure.Result{without})),
		`Z" class="backlog"`)

	image := string(Picture(measuretest.Plan(), []measure.Result{r}))
	path := regexp.MustCompile(`<path d="([^"]*)Z" class="backlog"`).FindStringSubmatch(image)
	require.NotNil(t, path)
	var ys []float64
	for _, point := range strings.FieldsFunc(path[1],
		func(r rune) bool { return r == 'M' || r == 'L' }) {
		_, y, _ := strings.Cut(point, " ")
		at, err := strconv.ParseFloat(y, 64)
		require.NoError(t, err)
		ys = append(ys, at)
	}
	require.Len(t, ys, 7, "from the bottom and back to it")
	bottom := ys[0]
	for i, share := range []float64{0, 0, 0.5, 1, 0.25, 0, 0} {
		assert.InDelta(t, bottom-share*backlogHeight, ys[i], 0.1)
	}
	assert.Contains(t, image,
		fmt.Sprintf(`y="%.1f" class="small end">1000<`, bottom-backlogHeight+4))
	assert.Contains(t, image, ">records in the spool<")
}

// The time axis of a run whose spool drained after the schedule reaches to the last sample.
func TestPictureEndsWithTheLastSample(t *testing.T) {
	r := drawnRun()
	assert.Equal(t, 12*time.Second, endOf(r))
	r.Samples = append(r.Samples, measure.Sample{At: 15 * time.Second})
	assert.Equal(t, 15*time.Second, endOf(r))
	assert.Contains(t, string(Picture(measuretest.Plan(), []measure.Result{r})), ">15s<")
}
