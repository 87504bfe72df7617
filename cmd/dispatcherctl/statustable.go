package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// writeStatus sums up what the status command tells; keys that it does not know follow as they are.
func writeStatus(out io.Writer, status map[string]any) {
	c := newColumns(out)
	rest := maps.Clone(status)
	take := func(key string, show func(map[string]any)) {
		if object, ok := rest[key].(map[string]any); ok {
			delete(rest, key)
			show(object)
		}
	}
	if node, ok := rest["node_id"]; ok {
		c.row("node", cell(node))
		delete(rest, "node_id")
	}
	if text, ok := rest["unsafe"].(string); ok {
		delete(rest, "unsafe")
		if text != "" {
			c.row("UNSAFE", printable(text))
		}
	}
	take("main", c.mainRows)
	take("tasks", c.taskRows)
	take("queue", c.queueRow)
	take("running", func(map[string]any) {}) // listed by the command running, counted in tasks
	take("workers", func(workers map[string]any) { c.row("workers", workerCount(workers)) })
	take("pool", c.poolRows)
	take("supervisor", c.supervisorRows)
	take("limits", c.limitRows)
	take("producers", c.producerRows)
	take("aio_tasks", func(all map[string]any) { c.row("goroutines", fmt.Sprint(len(all))) })
	take("chunks", c.chunkRows)
	take("metrics", c.metricsRow)
	if notes, ok := rest["notes"].([]any); ok {
		delete(rest, "notes")
		for _, note := range notes {
			c.row("note", cell(note))
		}
	}
	c.pairs("", rest)
	c.end()
}

func (c columns) mainRows(main map[string]any) {
	c.row("pid", cell(main["pid"]))
	c.row("received", fmt.Sprintf("%s messages, %s of them control requests", cell(main["received_count"]), cell(main["control_count"])))
}

func (c columns) taskRows(tasks map[string]any) {
	text := fmt.Sprintf("%s running, %s queued, %s blocked, %s delayed",
		cell(tasks["running"]), cell(tasks["queued"]), cell(tasks["blocked"]), cell(tasks["delayed"]))
	if queued, _ := number(tasks["queued"]); queued > 0 {
		text += ", the oldest queued for " + duration(tasks["oldest_queued_seconds"])
	}
	if tasks["stopping"] == true {
		text += ", STOPPING"
	}
	if tasks["draining"] == true {
		text += ", DRAINING"
	}
	c.row("tasks", text)
	c.row("accepted", cell(tasks["accepted"]))
	count := map[string]string{}
	outcomes, _ := tasks["ended"].(map[string]any)
	for outcome, n := range outcomes {
		count[outcome] = cell(n)
	}
	c.row("ended", cell(listed(count, "succeeded", "failed", "timed_out", "cancelled", "oom_killed", "killed",
		"exited", "crashed", "lost", "abandoned", "discarded", "rejected")))
}

// queueRow says how full the queue is.
func (c columns) queueRow(queue map[string]any) {
	text := fmt.Sprintf("%s of %s tasks, %s of %s bytes", cell(queue["tasks"]), most(queue["max_tasks"]), cell(queue["bytes"]), most(queue["max_bytes"]))
	switch {
	case queue["paused"] == true:
		text += ", FULL: READING IS PAUSED"
	case queue["full"] == true:
		text += ", FULL: TASKS ARE REJECTED"
	}
	c.row("queue", text)
}

// most is a bound; null is none.
func most(bound any) string {
	if bound == nil {
		return "any number of"
	}
	return cell(bound)
}

func (c columns) poolRows(pool map[string]any) {
	text := fmt.Sprintf("%s failed starts, %s killed", cell(pool["failed_starts"]), cell(pool["killed"]))
	if pool["draining"] == true {
		text += ", DRAINING"
	}
	c.row("pool", text)
	if failures, ok := pool["failures_in_a_row"]; ok {
		what := "THE LAST STARTS FAILED"
		if pool["crash_loop"] == true {
			what = "CRASH LOOP, WORKERS FAIL AGAIN AND AGAIN"
		}
		c.row("", fmt.Sprintf("%s (%s): %s", what, cell(failures), cell(pool["last_error"])))
	}
}

func (c columns) supervisorRows(supervisor map[string]any) {
	c.row("supervisor", fmt.Sprintf("%s, pid %s, isolation by %s, %s restarts", connection(supervisor["connected"]),
		cell(supervisor["pid"]), cell(supervisor["isolation"]), cell(supervisor["restarts"])))
	c.row("fork server", cell(supervisor["fork_server"]))
	c.row("cgroup tree", cell(supervisor["tree"]))
	for _, key := range []string{"missing", "lesser"} {
		sentences, _ := supervisor[key].([]any)
		for _, sentence := range sentences {
			c.row(key, cell(sentence))
		}
	}
	if text, _ := supervisor["last_error"].(string); text != "" {
		c.row("supervisor error", printable(text))
	}
}

// limitRows is about what is limited. A pattern that has matched nothing may have a mistake in it.
func (c columns) limitRows(limits map[string]any) {
	if worker, _ := limits["worker"].(map[string]any); len(worker) > 0 {
		c.row("each worker", cell(worker))
	}
	sections, _ := limits["tasks"].([]any)
	for _, value := range sections {
		section, _ := value.(map[string]any)
		text := cell(section["matched_count"]) + " tasks"
		if n, _ := number(section["matched_count"]); n == 0 {
			text = "NO TASK YET"
		}
		c.row("tasks "+cell(section["match"]), text)
	}
}

func (c columns) producerRows(producers map[string]any) {
	for _, name := range sortedKeys(producers) {
		producer, ok := producers[name].(map[string]any)
		if !ok {
			c.row(printable(name), cell(producers[name]))
			continue
		}
		text := fmt.Sprintf("%s messages, up %s", cell(producer["produced_count"]), duration(producer["uptime_seconds"]))
		if producer["connected"] == false {
			text = brokerState(producer)
		}
		c.row(printable(name), text)
	}
}

// chunkRows is empty where no message ever came in parts.
func (c columns) chunkRows(chunks map[string]any) {
	status, _ := chunks["status"].(map[string]any)
	if received, _ := number(status["total_chunks_received"]); received > 0 {
		c.row("chunks", fmt.Sprintf("%s received, %s messages not complete", cell(status["total_chunks_received"]), cell(status["active_messages"])))
	}
}

// metricsRow says where the page for Prometheus is; the command metrics has the details.
func (c columns) metricsRow(metrics map[string]any) {
	page, _ := metrics["status"].(map[string]any)
	server, _ := page["http_server"].(map[string]any)
	switch {
	case metrics["enabled"] != true:
		c.row("metrics", "off")
	case page["ready"] != true:
		c.row("metrics", "NOT SERVED")
	default:
		c.row("metrics", fmt.Sprintf("on %s port %s, served %s times", cell(page["host"]), cell(page["port"]), cell(server["metrics_requests_served"])))
	}
}

// workerCount counts the workers by status: "4: 1 ready, 3 busy; ended lately: 1 error".
func workerCount(workers map[string]any) string {
	count, ended := map[string]int{}, map[string]int{}
	present := len(workers)
	for _, value := range workers {
		worker, ok := value.(map[string]any)
		switch status := workerStatus(worker); {
		case !ok:
		case hasEnded(worker):
			ended[status]++
			present--
		default:
			count[status]++
		}
	}
	text := fmt.Sprint(present)
	if len(count) > 0 {
		text += ": " + listed(count, "spawned", "starting", "ready", "busy", "cancelling", "stopping", "exited")
	}
	if len(ended) > 0 {
		text += "; ended lately: " + listed(ended, "retired", "error")
	}
	return text
}

// listed writes counts in the order that the words are given; other words follow.
func listed[V any](count map[string]V, order ...string) string {
	words := slices.DeleteFunc(slices.Clone(order), func(word string) bool {
		_, ok := count[word]
		return !ok
	})
	for _, word := range sortedKeys(count) {
		if !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	for i, word := range words {
		words[i] = fmt.Sprintf("%v %s", count[word], printable(word))
	}
	return strings.Join(words, ", ")
}
