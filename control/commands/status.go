package commands

import (
	"context"
	"slices"
	"time"

	"dispatcherd/control"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/workers"
)

// apart are the commands that only read and are not part of status: it would hold itself,
// or they take their time to measure.
var apart = []string{"alive", "status", "memory", "memory_offenders"}

// status is what there is to know in one reply: the other commands that only
// read, and the tasks, the pool and the supervisor in figures.
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
	tasks, err := t.tasks.Stats(ctx)
	if err != nil {
		return Answer{}, err
	}
	reply["tasks"] = taskFigures(tasks)
	reply["pool"] = poolFigures(t.workers.Stats())
	reply["supervisor"] = t.service.Supervisor()
	reply["notes"] = append([]string{}, t.service.Notes()...) // a list also when there is none
	return Answer{Reply: reply}, nil
}

func taskFigures(s dispatch.Stats) map[string]any {
	ended := map[string]any{}
	for outcome, n := range s.Ended {
		ended[string(outcome)] = n
	}
	return map[string]any{
		"accepted": s.Accepted, "running": s.Running, "queued": s.Queued,
		"blocked": s.Blocked, "delayed": s.Delayed, "ended": ended,
		"oldest_queued_seconds": s.OldestQueued.Round(time.Millisecond).Seconds(),
		"stopping":              s.Stopping,
	}
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
