// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// The plots must be readable on white and on black pages. A picture cannot know its page: a style
// sheet inside it follows the reader's system, not the page. So there is no background, and every
// color has a medium lightness.
var (
	ink   = color.NRGBA{0x7a, 0x82, 0x8e, 0xff} // text and axes
	faint = color.NRGBA{0x7a, 0x82, 0x8e, 0x50} // grid
)

// colors are by implementation, the same in every plot. Every library has one.
var colors = map[string]color.NRGBA{
	"atomic":    {0x1f, 0x83, 0xf5, 0xff},
	"breakerio": {0x1f, 0x83, 0xf5, 0xff},
	"mutex":     {0xe3, 0x6d, 0x0c, 0xff},
	"gobreaker": {0x2d, 0xa0, 0x4e, 0xff},
	"failsafe":  {0xb0, 0x5c, 0xe6, 0xff},
	"eapache":   {0xd8, 0x3d, 0x4f, 0xff},
	"rubyist":   {0x12, 0x9b, 0xa5, 0xff},
	"gozero":    {0xb8, 0x86, 0x0b, 0xff},
	"hystrix":   {0xd4, 0x4c, 0x9c, 0xff},
	"handy":     {0x8a, 0x7a, 0x55, 0xff},
	"bare":      ink,
	"load":      ink,
	"clock":     ink,
}

// picture is one plot: its file, its text for screen readers, and the function that draws it.
type picture struct {
	file, alt     string
	width, height vg.Length
	draw          func(*plot.Plot, *data) error
}

func (p picture) link(directory string) string {
	return fmt.Sprintf("![%s](%s%s)\n", p.alt, directory, p.file)
}

func (p picture) svg(d *data) (string, error) {
	sheet := plot.New()
	sheet.BackgroundColor = nil
	for _, style := range []*text.Style{
		&sheet.Title.TextStyle,
		&sheet.X.Label.TextStyle, &sheet.Y.Label.TextStyle,
		&sheet.X.Tick.Label, &sheet.Y.Tick.Label,
	} {
		style.Font = sans(11)
		style.Color = ink
	}
	sheet.Title.TextStyle.Font = sans(13)
	sheet.Title.Padding = vg.Points(8)
	for _, axis := range []*plot.Axis{&sheet.X, &sheet.Y} {
		axis.Color = faint
		axis.Tick.Color = faint
		axis.Label.Padding = vg.Points(4)
		axis.Padding = vg.Points(8) // other fonts are wider
	}
	if err := p.draw(sheet, d); err != nil {
		return "", err
	}
	canvas := vgsvg.New(p.width, p.height)
	margin := vg.Points(6)
	sheet.Draw(draw.Crop(draw.New(canvas), margin, -margin, margin, -margin))
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return "", err
	}
	// The widths are those of Liberation Sans, which equal Arial's. Systems with neither font use a
	// fallback.
	const family = "font-family:Liberation Sans"
	return strings.ReplaceAll(out.String(), family, family+",Arial,Helvetica,sans-serif"), nil
}

func sans(points float64) font.Font {
	return font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(points)}
}

func textStyle(c color.Color) text.Style {
	return text.Style{
		Color: c, Font: sans(11), YAlign: draw.YCenter, Handler: plot.DefaultTextHandler,
	}
}

// powers are the ticks of a logarithmic axis: one at each power of ten, labeled in a unit that
// fits.
type powers struct{ unit func(float64) string }

func (p powers) Ticks(low, high float64) (ticks []plot.Tick) {
	for x := math.Pow(10, math.Floor(math.Log10(low))); x <= high*1.001; x *= 10 {
		for i := 1.0; i < 10; i++ {
			if v := x * i; v >= low*0.999 && v <= high*1.001 {
				tick := plot.Tick{Value: v}
				if i == 1 {
					tick.Label = p.unit(v)
				}
				ticks = append(ticks, tick)
			}
		}
	}
	return ticks
}

func nanoseconds(v float64) string {
	units := []string{"ns", "µs", "ms"}
	for v >= 1000 && len(units) > 1 {
		v, units = v/1000, units[1:]
	}
	return fmt.Sprintf("%.3g %s", v, units[0])
}

func byteCount(v float64) string {
	units := []string{"B", "kB", "MB", "GB"}
	for v >= 1000 && len(units) > 1 {
		v, units = v/1000, units[1:]
	}
	return fmt.Sprintf("%.3g %s", v, units[0])
}

// named returns the ticks of an axis of categories.
func named(names []string) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for i, n := range names {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: n})
	}
	return ticks
}
