package commands

import (
	"context"
	"slices"

	"dispatcherd/control"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/workers"
)

// apart are the commands that only read and are not part of status: it would hold itself,
// they take their time to measure, or are about single tasks that have ended.
var apart = []string{"alive", "status", "memory", "memory_offenders", "task", "history"}

// status is what there is to know in one reply: the other commands that only
// read, and the pool and the supervisor in figures.
func status(t *Table, ctx context.Context, _ Call) (Answer, error) {
	reply := map[string]any{}
	for _, s := range control.Specs {
		if s.Acts || slices.Contains(apart, s.Name) {
			continue
		}
		answer, err := t.commands[s.Name](t, ctx, Call{})
		if err != nil {
			return Answer{}, err
		}
		reply[s.Name] = answer.Object()
	}
	reply["pool"] = poolFigures(t.workers.Stats())
	stats, err := t.tasks.Stats(ctx)
	if err != nil {
		return Answer{}, err
	}
	reply["queue"] = queueFigures(stats.Queue)
	reply["supervisor"] = t.service.Supervisor()
	reply["limits"] = t.service.Limits()
	reply["unsafe"] = t.service.Unsafe()
	reply["notes"] = append([]string{}, t.service.Notes()...) // a list also when there is none
	return Answer{Reply: reply}, nil
}

// queueFigures are what waits and what may; null is no bound.
func queueFigures(q dispatch.Queue) map[string]any {
	f := map[string]any{
		"tasks": q.Tasks, "max_tasks": nil, "bytes": q.Bytes, "max_bytes": nil, "on_full": q.Max.OnFull,
		"full": q.Full, "paused": q.Paused, "postgres_full": q.Pressed, "rejected": q.Rejected,
	}
	if n := q.Max.MaxTasks; n > 0 {
		f["max_tasks"] = n
	}
	if n, ok := q.Max.MaxBytes.Number(); ok && n > 0 {
		f["max_bytes"] = n
	}
	return f
}

func poolFigures(s workers.Stats) map[string]any {
	f := map[string]any{
		"starting": s.Starting, "ready": s.Ready, "busy": s.Busy, "stopping": s.Stopping,
		"failed_starts": s.FailedStarts, "killed": s.Killed, "draining": s.Draining,
		"crash_loop": s.CrashLoop,
	}
	if s.Failures > 0 {
		f["failures_in_a_row"], f["last_error"] = s.Failures, s.LastError
	}
	return f
}
