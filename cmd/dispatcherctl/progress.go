package main

import (
	"fmt"
	"io"
	"strings"
)

// barWidth is how many characters a bar has.
const barWidth = 30

// progress shows how many of the tasks that ran at first still do: as a bar that is drawn
// again and again on a terminal, else as a line for each change.
type progress struct {
	out      io.Writer
	terminal bool
	first    int // the most that ran
	left     int // that ran when it was last shown
}

func newProgress(out io.Writer) *progress { return &progress{out: out, terminal: isTerminal(out)} }

// show is told that so many tasks run.
func (p *progress) show(running int) {
	if running == p.left {
		return
	}
	p.first, p.left = max(p.first, running), running
	if !p.terminal {
		fmt.Fprintf(p.out, "dispatcherctl: draining, %d of %d tasks still run\n", running, p.first)
		return
	}
	done := barWidth * (p.first - running) / p.first
	fmt.Fprintf(p.out, "\r\x1b[Kdraining [%s%s] %d of %d still run", strings.Repeat("#", done), strings.Repeat("-", barWidth-done), running, p.first)
}

// end takes the bar away: what follows begins on a clean line.
func (p *progress) end() {
	if p.terminal && p.first > 0 {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
