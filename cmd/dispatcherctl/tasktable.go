package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"dispatcherd/daemon/message"
)

// writeTasks lists the tasks of running and cancel. Their arguments are left out: they hold secrets, and
// --output yaml has them.
func writeTasks(out io.Writer, tasks map[string]any) {
	if len(tasks) == 0 {
		fmt.Fprintln(out, "no tasks")
		return
	}
	c := newColumns(out, "WHERE", "UUID", "TASK", "PUBLISHED")
	for _, where := range byPlace(tasks) {
		task, ok := tasks[where].(map[string]any)
		if !ok {
			c.row(printable(where), cell(tasks[where]), "-", "-")
			continue
		}
		c.row(printable(where), cell(task["uuid"]), cell(task["task"]), longAgo(task["time_pub"], time.Now()))
	}
	c.end()
}

// byPlace has the tasks that run before those that wait, in the order of their ways to a worker.
func byPlace(tasks map[string]any) []string {
	order := []string{"worker", "queued", "blocked", "delayed"}
	rank := func(where string) int {
		place, _ := numbered(where)
		return slices.Index(order, place)
	}
	keys := sortedKeys(tasks)
	slices.SortStableFunc(keys, func(a, b string) int { return rank(a) - rank(b) })
	return keys
}

// longAgo is how long ago a Unix time was.
func longAgo(timePub any, now time.Time) string {
	published, ok := number(timePub)
	if !ok {
		return "-"
	}
	ago := float64(now.UnixMicro())/1e6 - published
	if ago < 0 {
		return "just now" // the other clock is ahead
	}
	return duration(message.Number(fmt.Sprintf("%f", ago))) + " ago"
}
