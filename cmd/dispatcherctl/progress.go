package main

import (
	"fmt"
	"io"
	"strings"
)

// barWidth is how many characters a bar has.
const barWidth = 30

// What a terminal is told: to clear the row, and not to go on in the next one where a row is too
// short, which would be there for ever.
const (
	startOfRow = "\r\x1b[K"
	noWrap     = "\x1b[?7l"
	wrap       = "\x1b[?7h"
)

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
	fmt.Fprintf(p.out, startOfRow+noWrap+"draining, %d of %d still run [%s%s]"+wrap, running, p.first, strings.Repeat("#", done), strings.Repeat("-", barWidth-done))
}

// end takes the bar away: what follows begins on a clean line.
func (p *progress) end() {
	if p.terminal && p.first > 0 {
		fmt.Fprint(p.out, startOfRow)
	}
}
