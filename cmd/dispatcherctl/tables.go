package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
)

// tables writes replies for a person. A reply that does not look as expected is shown as keys and values.
func tables(command string, replies []any) string {
	var out strings.Builder
	for i, reply := range replies {
		object, ok := reply.(map[string]any)
		if !ok {
			fmt.Fprintln(&out, cell(reply))
			continue
		}
		if len(replies) > 1 {
			if i > 0 {
				fmt.Fprintln(&out)
			}
			fmt.Fprintf(&out, "node %s:\n", cell(object["node_id"]))
		}
		table(&out, command, object)
	}
	return out.String()
}

func table(out io.Writer, command string, reply map[string]any) {
	rest := maps.Clone(reply)
	delete(rest, "node_id")
	switch command {
	case "alive":
		writePairs(out, reply)
	case "running", "cancel":
		writeTasks(out, rest)
	case "aio_tasks":
		writeStacks(out, rest)
	case "workers":
		writeWorkers(out, rest)
	case "producers":
		writeProducers(out, rest)
	case "task":
		writeRuns(out, rest)
	case "history":
		writeHistory(out, rest)
	case "status":
		writeStatus(out, reply)
	default:
		writePairs(out, reply)
	}
}

// writeStacks writes the stacks of goroutines, one after the other.
func writeStacks(out io.Writer, all map[string]any) {
	for _, name := range sortedKeys(all) {
		entry, _ := all[name].(map[string]any)
		stack, ok := entry["stack"].(string)
		if !ok {
			stack = name + ": " + cell(all[name])
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(stack, "\n"), "\n") {
			fmt.Fprintln(out, printable(line))
		}
	}
}

// columns aligns rows of cells.
type columns struct{ w *tabwriter.Writer }

func newColumns(out io.Writer, heads ...string) columns {
	c := columns{tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	if len(heads) > 0 {
		c.row(heads...)
	}
	return c
}

func (c columns) row(cells ...string) { fmt.Fprintln(c.w, strings.Join(cells, "\t")) }
func (c columns) end()                { c.w.Flush() }

// writePairs writes one line per value; a value inside another has both keys, with a point between.
func writePairs(out io.Writer, object map[string]any) {
	c := newColumns(out)
	c.pairs("", object)
	c.end()
}

func (c columns) pairs(prefix string, object map[string]any) {
	for _, key := range sortedKeys(object) {
		if inner, ok := object[key].(map[string]any); ok && len(inner) > 0 {
			c.pairs(prefix+key+".", inner)
			continue
		}
		c.row(printable(prefix+key), cell(object[key]))
	}
}

// sortedKeys has worker-10 after worker-9.
func sortedKeys[V any](object map[string]V) []string {
	return slices.SortedFunc(maps.Keys(object), func(a, b string) int {
		aName, aNumber := numbered(a)
		bName, bNumber := numbered(b)
		if aName == bName && aNumber != bNumber {
			return aNumber - bNumber
		}
		return strings.Compare(a, b)
	})
}
