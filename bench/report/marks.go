// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

func grid(p *plot.Plot, vertical, horizontal bool) {
	g := plotter.NewGrid()
	g.Vertical.Color, g.Horizontal.Color = nil, nil
	if vertical {
		g.Vertical.Color = faint
	}
	if horizontal {
		g.Horizontal.Color = faint
	}
	g.Vertical.Width, g.Horizontal.Width = vg.Points(0.5), vg.Points(0.5)
	p.Add(g)
}

// glyph is a shape in the legend.
type glyph struct{ draw.GlyphStyle }

func (g *glyph) Thumbnail(c *draw.Canvas) { c.DrawGlyph(g.GlyphStyle, c.Center()) }

func legend(p *plot.Plot) {
	p.Legend.TextStyle = textStyle(ink)
	p.Legend.Top, p.Legend.Left = true, false
	p.Legend.Padding = vg.Points(9)
	p.Legend.YOffs = -vg.Points(4)
}

// lineEnd is the position of a line's end, with the line's name.
type lineEnd struct {
	plotter.XY
	name, impl string
}

// names are printed to the right of the ends of their lines, and moved apart where they would
// overlap.
type names struct{ ends []lineEnd }

func nameLines(p *plot.Plot, ends []lineEnd) error {
	p.Add(names{ends})
	return nil
}

const lineHeight = 13

func (n names) Plot(c draw.Canvas, p *plot.Plot) {
	trX, trY := p.Transforms(&c)
	ends := slices.Clone(n.ends)
	slices.SortFunc(ends, func(a, b lineEnd) int { return int(math.Copysign(1, a.Y-b.Y)) })
	y := make([]vg.Length, len(ends))
	for i, e := range ends {
		y[i] = trY(e.Y)
	}
	for range 100 { // push neighbors apart, each half the way, until all have room
		for i := 1; i < len(y); i++ {
			if lack := lineHeight - (y[i] - y[i-1]); lack > 0 {
				y[i-1] -= lack / 2
				y[i] += lack / 2
			}
		}
	}
	for i, e := range ends {
		right := vg.Point{X: trX(p.X.Max) + vg.Points(8), Y: y[i]}
		c.FillText(textStyle(colors[base(e.impl)]), right, e.name)
	}
}

// GlyphBoxes reserves room for the names on the right.
func (n names) GlyphBoxes(*plot.Plot) (boxes []plot.GlyphBox) {
	for _, e := range n.ends {
		width := 1.15 * textStyle(ink).Width(e.name) // other fonts are wider
		room := vg.Rectangle{Max: vg.Point{X: width + vg.Points(10)}}
		boxes = append(boxes, plot.GlyphBox{X: 1, Y: 0.5, Rectangle: room})
	}
	return boxes
}
