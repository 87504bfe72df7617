package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// results are all figures that were seen, by trial-independent name and contestant.
type results struct {
	quick  bool
	rounds int
	names  []string // in the order in which they were seen first
	units  map[string]string
	seen   map[string]map[contestant][]float64
}

func newResults(quick bool, rounds int) *results {
	return &results{quick: quick, rounds: rounds, units: map[string]string{}, seen: map[string]map[contestant][]float64{}}
}

func (r *results) add(c contestant, f figure) {
	if r.seen[f.name] == nil {
		r.names = append(r.names, f.name)
		r.units[f.name] = f.unit
		r.seen[f.name] = map[contestant][]float64{}
	}
	r.seen[f.name][c] = append(r.seen[f.name][c], f.value)
}

// median is that of a figure of one contestant; ok is false if it was not measured.
func (r *results) median(c contestant, name string) (value float64, ok bool) {
	values := r.seen[name][c]
	if len(values) == 0 {
		return 0, false
	}
	return median(values), true
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// cell shows the median, and the range where there is one.
func (r *results) cell(c contestant, name string) string {
	value, ok := r.median(c, name)
	if !ok {
		return ""
	}
	text := format(value, r.units[name])
	if values := r.seen[name][c]; len(values) > 1 {
		text += fmt.Sprintf(" (%s to %s)", format(slices.Min(values), ""), format(slices.Max(values), ""))
	}
	return text
}

// print writes the table of all figures, and that of the goals.
func (r *results) print(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "\nmedian\tbare\toriginal\tours")
	for _, name := range r.names {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, r.cell(bare, name), r.cell(original, name), r.cell(ours, name))
	}
	fmt.Fprintln(table, "\ngoal\t\tmeasured\t")
	for _, g := range goals {
		if measured, reached, ok := g.judge(r); ok {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", g.about, g.want, measured, verdict(reached))
		}
	}
	_ = table.Flush() // to standard output
}

func verdict(reached bool) string {
	if reached {
		return "reached"
	}
	return "not reached"
}
