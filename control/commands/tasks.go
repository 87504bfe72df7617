package commands

import (
	"context"
	"time"

	"dispatcherd/daemon/dispatch"
)

// countTasks counts tasks by where they stand and how they ended.
func countTasks(t *Table, ctx context.Context, _ Call) (Answer, error) {
	stats, err := t.tasks.Stats(ctx)
	if err != nil {
		return Answer{}, err
	}
	return Answer{Reply: taskFigures(stats)}, nil
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
		"stopping":              s.Stopping, "draining": s.Paused,
	}
}
