package main

import "io"

// writeEnd tells how a task has ended.
func writeEnd(out io.Writer, ended map[string]any) {
	c := newColumns(out)
	c.row("outcome", cell(ended["outcome"]))
	if detail := cell(ended["detail"]); detail != "-" {
		c.row("detail", detail)
	}
	runTime, worker := duration(ended["run_time_seconds"]), cell(ended["worker"])
	if n, ok := number(ended["worker"]); !ok || n < 0 { // it never ran
		runTime, worker = "-", "-"
	}
	c.row("run time", runTime)
	c.row("worker", worker)
	if ended["outcome"] == "succeeded" {
		c.row("result", cell(ended["result"]))
	}
	c.end()
}
