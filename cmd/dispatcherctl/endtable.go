package main

import "io"

// writeEnd tells how a task has ended.
func writeEnd(out io.Writer, ended map[string]any) {
	c := newColumns(out)
	c.verdictRows(ended)
	if ended["outcome"] == "succeeded" {
		c.row("result", cell(ended["result"]))
	}
	c.end()
}

// verdictRows are the verdict on a run as far as it is known: a daemon of an earlier version tells less.
func (c columns) verdictRows(v map[string]any) {
	c.row("outcome", cell(v["outcome"]))
	if detail := cell(v["detail"]); detail != "-" {
		c.row("detail", detail)
	}
	worker := cell(v["worker"])
	if neverRan(v) {
		worker = "-"
	}
	if isSome(v["queue_time_seconds"]) {
		c.row("queue time", duration(v["queue_time_seconds"]))
	}
	c.row("run time", ranFor(v))
	c.row("worker", worker)
	c.costRows(v)
}

// costRows are what the run has cost; nothing is said of what was not measured, or was not there.
func (c columns) costRows(v map[string]any) {
	if v["cpu_seconds"] != nil {
		c.row("CPU time", duration(v["cpu_seconds"]))
	}
	if isSome(v["throttled_seconds"]) {
		c.row("throttled", duration(v["throttled_seconds"]))
	}
	if v["memory_peak_bytes"] != nil || v["memory_max_bytes"] != nil {
		text := memoryOf(v)
		if source := cell(v["memory_source"]); source != "-" {
			text += " (" + source + ")"
		}
		c.row("memory", text)
	}
	if v["pids_peak"] != nil {
		c.row("PIDs", cell(v["pids_peak"]))
	}
	if isSome(v["read_bytes"]) {
		c.row("read", size(v["read_bytes"]))
	}
	if isSome(v["written_bytes"]) {
		c.row("written", size(v["written_bytes"]))
	}
	if isSome(v["oom_kills"]) {
		c.row("out of memory", outOfMemory(v))
	}
	if isSome(v["leftovers"]) {
		what := " killed"
		if v["left_alone"] == true {
			what = " LEFT ALONE"
		}
		c.row("left behind", cell(v["leftovers"])+what)
	}
	if by := killer(v); by != "" {
		c.row("killed by", by)
	}
}

// memoryOf is the peak of memory, with the limit if there is one.
func memoryOf(v map[string]any) string {
	text := size(v["memory_peak_bytes"])
	if v["memory_max_bytes"] != nil {
		text += " of " + size(v["memory_max_bytes"])
	}
	return text
}

// outOfMemory says how many processes the kernel has ended, and which one last.
func outOfMemory(v map[string]any) string {
	text := cell(v["oom_kills"]) + " killed"
	if victim := cell(v["oom_victim"]); victim != "-" {
		text += ", " + victim
	}
	return text
}

// killer is who has ended the worker, where that is known.
func killer(v map[string]any) string {
	death, _ := v["death"].(map[string]any)
	by, _ := death["by"].(string)
	return printable(by)
}
