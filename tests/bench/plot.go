package main

import (
	"bytes"
	"fmt"
)

// bars are the figures of the plot: tasks per second.
var bars = []string{
	"50 000 at once, 4 workers: tasks per second",
	"10 000 at once, 4 workers: tasks per second",
	"10 000 at once, 1 worker: tasks per second",
	"10 000 at once, 12 workers: tasks per second",
}

// Measures of the plot, in its own units.
const (
	plotWidth  = 760
	labelWidth = 270
	barHeight  = 16
	rowHeight  = 52
)

// plot draws the tasks per second of both, as SVG.
func (r *results) plot() []byte {
	longest := 1.0
	for _, name := range bars {
		for _, c := range both {
			if value, ok := r.median(c, name); ok {
				longest = max(longest, value)
			}
		}
	}
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n",
		plotWidth, 30+len(bars)*rowHeight)
	fmt.Fprintf(&svg, `<title>No-op tasks per second</title><rect width="100%%" height="100%%" fill="white"/>`+"\n")
	for i, name := range bars {
		y := 20 + i*rowHeight
		label, _, _ := bytes.Cut([]byte(name), []byte(":"))
		fmt.Fprintf(&svg, `<text x="10" y="%d">%s</text>`+"\n", y+barHeight+4, label)
		for j, c := range both {
			value, ok := r.median(c, name)
			if !ok {
				continue
			}
			color := []string{"#9aa5b1", "#2f6f4f"}[j]
			width := value / longest * (plotWidth - labelWidth - 120)
			top := y + j*(barHeight+3)
			fmt.Fprintf(&svg, `<rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/>`, labelWidth, top, width, barHeight, color)
			fmt.Fprintf(&svg, `<text x="%.0f" y="%d">%s %.0f/s</text>`+"\n", labelWidth+width+6, top+barHeight-3, c, value)
		}
	}
	svg.WriteString("</svg>\n")
	return svg.Bytes()
}
