package commands

import (
	"context"
	"fmt"
	"time"

	"dispatcherd/workers"
)

// listWorkers describes every worker.
func listWorkers(t *Table, _ context.Context, _ Call) (Answer, error) {
	reply := map[string]any{}
	now := time.Now()
	for _, w := range t.workers.Workers() {
		reply[fmt.Sprintf("worker-%d", w.ID)] = describe(w, now)
	}
	return Answer{Reply: reply}, nil
}

func describe(w workers.Info, now time.Time) map[string]any {
	d := map[string]any{
		"worker_id":         w.ID,
		"pid":               nil,
		"status":            statusOf(w.State),
		"finished_count":    w.Finished,
		"current_task":      nil,
		"current_task_uuid": nil,
		"active_cancel":     w.Interrupted,
		"age":               now.Sub(w.Created).Seconds(),
	}
	if w.PID != 0 {
		d["pid"] = w.PID
	}
	if w.Task != nil {
		d["current_task"], d["current_task_uuid"] = w.Task.Name, w.Task.UUID
		if w.Task.UUID == "" {
			d["current_task_uuid"] = "<unknown>"
		}
	}
	return d
}

// statusOf is the outside word for a worker's state: a busy worker is a ready
// one with a current_task.
func statusOf(s workers.State) string {
	if s == workers.Busy {
		return string(workers.Ready)
	}
	return string(s)
}
