package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"dispatcherd/control"
)

// newWorkers returns the command that lists the workers. What each takes is measured for a table, and where it is asked
// for: without that, YAML and JSON are those of the Python dispatcherctl.
func newWorkers(opts *options, spec control.Spec) *cobra.Command {
	var measure bool
	cmd := &cobra.Command{Use: spec.Name, Short: spec.Help, Args: noArgs, RunE: func(cmd *cobra.Command, _ []string) error {
		data := map[string]any{}
		if measure || opts.output.text == "table" {
			data["usage"] = true
		}
		_, err := opts.query(cmd.Context(), spec, data)
		return err
	}}
	cmd.Flags().BoolVar(&measure, "usage", false, "measure what each takes, as a table always has it")
	return cmd
}

// writeWorkers lists the workers of the pool.
func writeWorkers(out io.Writer, workers map[string]any) {
	if len(workers) == 0 {
		fmt.Fprintln(out, "no workers")
		return
	}
	heads := []string{"WORKER", "PID", "STATUS", "TASK", "UUID", "AGE", "FINISHED"}
	measured, ended := anyMeasured(workers), anyEnded(workers)
	if measured {
		heads = append(heads, "MEMORY", "CPU", "PIDS")
	}
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
		if measured {
			cells = append(cells, usageCells(worker)...)
		}
		if ended {
			cells = append(cells, cell(worker["exit"]))
		}
		c.row(cells...)
	}
	c.end()
}

// usageCells are what a worker takes: memory against its limit, CPU time since its start, processes and threads.
func usageCells(worker map[string]any) []string {
	u, _ := worker["usage"].(map[string]any)
	memory := size(u["memory_bytes"])
	if u["memory_max_bytes"] != nil {
		memory += " of " + size(u["memory_max_bytes"])
	}
	return []string{memory, duration(u["cpu_seconds"]), cell(u["pids"])}
}

func anyMeasured(workers map[string]any) bool {
	for _, value := range workers {
		if worker, ok := value.(map[string]any); ok && worker["usage"] != nil {
			return true
		}
	}
	return false
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
