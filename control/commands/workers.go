package commands

import (
	"context"
	"fmt"
	"time"

	"dispatcherd/workers"
)

// listWorkers describes every worker, those too that have ended lately. With "usage" it
// says what each takes as well, which has to be measured.
func listWorkers(t *Table, ctx context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	measure, ok := data["usage"].(bool)
	if !ok && data["usage"] != nil {
		return Answer{}, badData(": usage must be true or false")
	}
	taken := map[int]WorkerMemory{}
	if measure {
		m, _ := t.service.Memory(ctx) // without a supervisor nothing is measured, and status says that
		for _, u := range m.Workers {
			taken[u.Worker] = u
		}
	}
	reply := map[string]any{}
	now := time.Now()
	for _, w := range t.workers.Workers() {
		d := describe(w, now)
		if u, ok := taken[w.ID]; ok {
			d["usage"] = usageOf(u)
		}
		reply[fmt.Sprintf("worker-%d", w.ID)] = d
	}
	return Answer{Reply: reply}, nil
}

// usageOf is what a worker takes, with whatever its task has started. What nobody could
// measure is null.
func usageOf(u WorkerMemory) map[string]any {
	d := map[string]any{
		"memory_bytes": nil, "memory_source": nil,
		"memory_peak_bytes": known(u.Peak, same), "memory_max_bytes": known(u.Max, same),
		"cpu_seconds": known(u.CPU, time.Duration.Seconds), "throttled_seconds": u.Throttled.Seconds(),
		"pids": known(u.PIDs, same), "oom_kills": u.OOMKills,
	}
	if u.Source != "" {
		d["memory_bytes"], d["memory_source"] = u.Bytes, u.Source
	}
	return d
}

func describe(w workers.Info, now time.Time) map[string]any {
	d := map[string]any{
		"worker_id":         w.ID,
		"pid":               nil,
		"status":            w.Status(),
		"finished_count":    w.Finished,
		"current_task":      nil,
		"current_task_uuid": nil,
		"active_cancel":     w.Interrupted,
		"age":               now.Sub(w.Created).Seconds(),
	}
	if w.PID != 0 {
		d["pid"] = w.PID
	}
	if !w.Ended.IsZero() {
		d["exit"] = w.Exit
	}
	if w.Task != nil {
		d["current_task"], d["current_task_uuid"] = w.Task.Name, w.Task.UUID
		if w.Task.UUID == "" {
			d["current_task_uuid"] = "<unknown>"
		}
	}
	return d
}
