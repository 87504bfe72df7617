package commands

import (
	"context"
	"slices"

	"dispatcherd/control"
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
	reply["supervisor"] = t.service.Supervisor()
	reply["limits"] = t.service.Limits()
	reply["unsafe"] = t.service.Unsafe()
	reply["notes"] = append([]string{}, t.service.Notes()...) // a list also when there is none
	return Answer{Reply: reply}, nil
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
