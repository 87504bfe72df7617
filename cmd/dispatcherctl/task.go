package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"dispatcherd/control"
	"dispatcherd/daemon/message"
)

// newTask returns the command that shows the runs with a uuid. It fails when no daemon knows of one.
func newTask(opts *options, spec control.Spec) *cobra.Command {
	return &cobra.Command{
		Use:   "task UUID",
		Short: spec.Help,
		Long: `Show where the runs with a uuid stand, or how they ended and what they have cost.

A daemon keeps the ends of its last tasks, as many as [history] size says. The exit code is 1 if nothing is known of the
uuid.`,
		Example: "  dispatcherctl task 6c9a2f23-6388-4ee1-b519-a066af2bd3b5",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usage("task needs exactly one uuid")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			replies, err := opts.query(cmd.Context(), spec, map[string]any{"uuid": args[0]})
			if err == nil && !slices.ContainsFunc(replies, knowsRun) {
				return fmt.Errorf("no task with the uuid %s runs, waits or is kept in the history", printable(args[0]))
			}
			return err
		},
	}
}

// knowsRun says whether there is a run in a reply.
func knowsRun(reply any) bool {
	object, _ := reply.(map[string]any)
	runs, _ := object["runs"].([]any)
	return len(runs) > 0
}

// writeRuns shows the runs of one uuid, one after the other.
func writeRuns(out io.Writer, reply map[string]any) {
	runs, ok := reply["runs"].([]any)
	if !ok {
		writePairs(out, reply)
		return
	}
	if len(runs) == 0 {
		fmt.Fprintln(out, "no runs")
	}
	for i, value := range runs {
		if i > 0 {
			fmt.Fprintln(out)
		}
		run, ok := value.(map[string]any)
		if !ok {
			fmt.Fprintln(out, cell(value))
			continue
		}
		c := newColumns(out)
		c.row("uuid", cell(run["uuid"]))
		c.row("task", cell(run["task"]))
		if run["state"] == "ended" {
			c.row("ended", longAgo(run["ended_at"], time.Now()))
			c.verdictRows(run)
		} else {
			c.standingRows(run)
		}
		c.end()
	}
}

// standingRows say where a task stands that has not ended.
func (c columns) standingRows(run map[string]any) {
	c.row("state", fmt.Sprintf("%s for %s", cell(run["state"]), duration(run["state_seconds"])))
	if run["state"] == "running" {
		c.row("worker", cell(run["worker"]))
	}
}

// writeHistory lists ended tasks, the last one first.
func writeHistory(out io.Writer, reply map[string]any) {
	ends, ok := reply["ended"].([]any)
	if !ok {
		writePairs(out, reply)
		return
	}
	if len(ends) == 0 {
		fmt.Fprintln(out, "no tasks")
		return
	}
	c := newColumns(out, "ENDED", "UUID", "TASK", "OUTCOME", "QUEUED", "RAN", "CPU", "MEMORY", "DETAIL")
	for _, value := range ends {
		e, ok := value.(map[string]any)
		if !ok {
			c.row(cell(value))
			continue
		}
		c.row(longAgo(e["ended_at"], time.Now()), cell(e["uuid"]), cell(e["task"]), cell(e["outcome"]), duration(e["queue_time_seconds"]),
			ranFor(e), duration(e["cpu_seconds"]), memoryOf(e), cell(e["detail"]))
	}
	c.end()
}

// neverRan says that no worker had the task.
func neverRan(verdict map[string]any) bool {
	n, ok := number(verdict["worker"])
	return !ok || n < 0
}

func ranFor(verdict map[string]any) string {
	if neverRan(verdict) {
		return "-"
	}
	return duration(verdict["run_time_seconds"])
}

// isSome says whether a figure is there and not 0.
func isSome(value any) bool {
	n, ok := value.(message.Number)
	return ok && n != "0" && n != "0.0"
}
