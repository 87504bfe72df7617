package main

import (
	"context"
	"fmt"
)

// trial is one experiment, which gives one or more figures.
type trial struct {
	name, about string
	who         []contestant
	// once is set where a repetition would take minutes and show nothing new.
	once    bool
	measure func(ctx context.Context, b *bed, c contestant) ([]figure, error)
}

// figure is one number that was seen.
type figure struct {
	name  string
	value float64
	unit  string
}

// trials are all of them, in the order of the table.
var trials = []trial{
	{name: "bare", about: "the parts that any such service is made of", who: []contestant{bare}, measure: bareParts},
	{name: "flood", about: "50 000 no-op tasks at once, 4 workers", who: both, measure: flood("50 000 at once, 4 workers", 50_000, 4)},
	{name: "burst", about: "10 000 no-op tasks at once, 4 workers", who: both, measure: flood("10 000 at once, 4 workers", 10_000, 4)},
	{name: "single", about: "10 000 no-op tasks at once, 1 worker", who: both, measure: flood("10 000 at once, 1 worker", 10_000, 1)},
	{name: "dozen", about: "10 000 no-op tasks at once, 12 workers", who: both, measure: flood("10 000 at once, 12 workers", 10_000, 12)},
	{name: "latency", about: "from NOTIFY, or from a line on the socket, to the first line of the task", who: all, measure: latency},
	{name: "control", about: "control requests while tasks are queued and taken in", who: both, measure: controlUnderLoad},
	{name: "listing", about: "running, with 10 000 queued", who: both, measure: listing},
	{name: "queued", about: "memory of a queued task", who: both, once: true, measure: queuedMemory},
	{name: "backlog", about: "the drain of 1 000 and of 100 000 queued tasks", who: both, once: true, measure: backlog},
	{name: "duplicates", about: "equal tasks behind a running one", who: both, once: true, measure: duplicates},
	{name: "delayed", about: "10 000 delayed tasks, due at once", who: both, measure: delayed},
	{name: "growth", about: "from 1 to 12 workers, and one more worker", who: both, measure: growth},
	{name: "start", about: "from the start of the service to 4 ready workers", who: both, measure: start},
	{name: "idle", about: "memory and CPU of a service that has nothing to do", who: both, once: true, measure: idle},
	{name: "large", about: "arguments of 1 MB, in chunks", who: both, measure: large},
}

// run measures, each contestant in its turn, and keeps what was seen.
func (t trial) run(ctx context.Context, b *bed, r *results, rounds int) error {
	if t.once {
		rounds = 1
	}
	for round := range rounds {
		for _, c := range t.who {
			figures, err := t.measure(ctx, b, c)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", c, round+1, err)
			}
			for _, f := range figures {
				r.add(c, f)
				fmt.Printf("%-10s round %d  %-8s  %-52s %12s\n", t.name, round+1, c, f.name, format(f.value, f.unit))
			}
		}
	}
	return nil
}

// format prints a figure with as many digits as are worth reading.
func format(value float64, unit string) string {
	switch {
	case unit == "":
		return fmt.Sprintf("%.1f", value)
	case value >= 100:
		return fmt.Sprintf("%.0f %s", value, unit)
	case value >= 10:
		return fmt.Sprintf("%.1f %s", value, unit)
	default:
		return fmt.Sprintf("%.2f %s", value, unit)
	}
}
