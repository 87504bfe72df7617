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
		c.row(printable(name), cell(worker["pid"]), workerStatus(worker), cell(worker["current_task"]), cell(worker["current_task_uuid"]),
			duration(worker["age"]), cell(worker["finished_count"]))
	}
	c.end()
}

// workerStatus is what a worker is doing. In a reply one that runs a task is as ready as one that waits.
func workerStatus(worker map[string]any) string {
	switch {
	case worker["active_cancel"] == true:
		return "cancelling"
	case worker["current_task"] != nil && worker["status"] == "ready":
		return "busy"
	default:
		return cell(worker["status"])
	}
}
