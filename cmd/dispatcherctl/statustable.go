package main

import (
	"fmt"
	"io"
	"maps"
	"strings"
)

// writeStatus sums up what the status command tells; keys that it does not know follow as they are.
func writeStatus(out io.Writer, status map[string]any) {
	c := newColumns(out)
	rest := maps.Clone(status)
	take := func(key string) (object map[string]any, ok bool) {
		object, ok = rest[key].(map[string]any)
		if ok {
			delete(rest, key)
		}
		return object, ok
	}
	if node, ok := rest["node_id"]; ok {
		c.row("node", cell(node))
		delete(rest, "node_id")
	}
	if main, ok := take("main"); ok {
		c.mainRows(main)
	}
	if tasks, ok := take("running"); ok {
		c.row("tasks", places(tasks))
	}
	if workers, ok := take("workers"); ok {
		c.row("workers", fmt.Sprintf("%d%s", len(workers), statuses(workers)))
	}
	if producers, ok := take("producers"); ok {
		for _, name := range sortedKeys(producers) {
			producer, _ := producers[name].(map[string]any)
			c.row(printable(name), fmt.Sprintf("%s messages, up %s", cell(producer["produced_count"]), duration(producer["uptime_seconds"])))
		}
	}
	if metrics, ok := take("metrics"); ok {
		c.row("metrics", metricsAddress(metrics))
	}
	if chunks, ok := take("chunks"); ok {
		partials, _ := chunks["partials"].(map[string]any)
		c.row("incomplete messages", fmt.Sprint(len(partials)))
	}
	delete(rest, "aio_tasks") // a page of stacks, for aio_tasks itself
	c.pairs("", rest)
	c.end()
}

func (c columns) mainRows(main map[string]any) {
	c.row("pid", cell(main["pid"]))
	c.row("received", fmt.Sprintf("%s messages, %s of them control requests", cell(main["received_count"]), cell(main["control_count"])))
	if pool, ok := main["pool"].(map[string]any); ok {
		c.row("finished", fmt.Sprintf("%s tasks, %s cancelled", cell(pool["finished_count"]), cell(pool["canceled_count"])))
	}
}

// places counts the tasks by where they are, from keys such as worker-3 and queued-0.
func places(tasks map[string]any) string {
	count := map[string]int{}
	for key := range tasks {
		place, _ := numbered(key)
		count[place]++
	}
	return fmt.Sprintf("%d running, %d queued, %d blocked, %d delayed", count["worker"], count["queued"], count["blocked"], count["delayed"])
}

// statuses counts the workers by status: ": 2 busy, 1 ready".
func statuses(workers map[string]any) string {
	count := map[string]int{}
	for _, value := range workers {
		if worker, ok := value.(map[string]any); ok {
			count[cell(worker["status"])]++
		}
	}
	var parts []string
	for _, status := range sortedKeys(count) {
		parts = append(parts, fmt.Sprintf("%d %s", count[status], status))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

func metricsAddress(metrics map[string]any) string {
	server, ok := metrics["status"].(map[string]any)
	if metrics["enabled"] != true || !ok {
		return "off"
	}
	return fmt.Sprintf("%s port %s", cell(server["host"]), cell(server["port"]))
}
