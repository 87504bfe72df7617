package main

import "io"

// writeEnd tells how a task has ended.
func writeEnd(out io.Writer, ended map[string]any) {
	c := newColumns(out)
	c.row("outcome", cell(ended["outcome"]))
	if detail := cell(ended["detail"]); detail != "-" && detail != "" {
		c.row("detail", detail)
	}
	c.row("run time", duration(ended["run_time_seconds"]))
	if ended["worker"] != nil {
		c.row("worker", cell(ended["worker"]))
	}
	if ended["outcome"] == "succeeded" {
		c.row("result", cell(ended["result"]))
	}
	c.end()
}
