package main

import (
	"fmt"
	"io"
)

// writeWorkers lists the workers of the pool.
func writeWorkers(out io.Writer, workers map[string]any) {
	if len(workers) == 0 {
		fmt.Fprintln(out, "no workers")
		return
	}
	c := newColumns(out, "WORKER", "PID", "STATUS", "TASK", "UUID", "AGE", "FINISHED")
	for _, name := range sortedKeys(workers) {
		worker, ok := workers[name].(map[string]any)
		if !ok {
			c.row(printable(name), cell(workers[name]), "-", "-", "-", "-", "-")
			continue
		}
		status := cell(worker["status"])
		if worker["active_cancel"] == true {
			status += " (cancelling)"
		}
		c.row(printable(name), cell(worker["pid"]), status, cell(worker["current_task"]), cell(worker["current_task_uuid"]),
			duration(worker["age"]), cell(worker["finished_count"]))
	}
	c.end()
}
