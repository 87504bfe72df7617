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
	heads := []string{"WORKER", "PID", "STATUS", "TASK", "UUID", "AGE", "FINISHED"}
	ended := anyEnded(workers)
	if ended {
		heads = append(heads, "EXIT")
	}
	c := newColumns(out, heads...)
	for _, name := range sortedKeys(workers) {
		worker, ok := workers[name].(map[string]any)
		if !ok {
			c.row(printable(name), cell(workers[name]), "-", "-", "-", "-", "-")
			continue
		}
		cells := []string{
			printable(name), cell(worker["pid"]), workerStatus(worker), cell(worker["current_task"]),
			cell(worker["current_task_uuid"]), duration(worker["age"]), cell(worker["finished_count"]),
		}
		if ended {
			cells = append(cells, cell(worker["exit"]))
		}
		c.row(cells...)
	}
	c.end()
}

// hasEnded says whether the worker is only listed still: its process has ended.
func hasEnded(worker map[string]any) bool {
	return worker["status"] == "retired" || worker["status"] == "error"
}

func anyEnded(workers map[string]any) bool {
	for _, value := range workers {
		if worker, ok := value.(map[string]any); ok && hasEnded(worker) {
			return true
		}
	}
	return false
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
