package commands

import (
	"context"
	"time"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
)

// showTask tells of every run with a uuid: those that run or wait, then those that have
// ended, the last one first. There is none when nothing is known of the uuid.
func showTask(t *Table, ctx context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	uuid, err := optionalText(data, "uuid")
	if err != nil {
		return Answer{}, err
	}
	if uuid == "" {
		return Answer{}, badData(": uuid must be that of a task")
	}
	entries, err := t.tasks.Tasks(ctx, dispatch.Filter{UUID: message.Encode(uuid)})
	if err != nil {
		return Answer{}, err
	}
	runs := []any{}
	for _, e := range entries {
		runs = append(runs, standing(e, time.Now()))
	}
	for _, e := range t.service.History().Find(uuid) {
		run := verdict(e)
		run["state"] = "ended"
		runs = append(runs, run)
	}
	return Answer{Reply: map[string]any{"runs": runs}}, nil
}

// standing is where a task stands that has not ended.
func standing(e dispatch.Entry, now time.Time) map[string]any {
	return map[string]any{
		"uuid": e.Message.UUID(), "task": e.Message.Task, "state": e.State.String(), "worker": e.Worker,
		"state_seconds": now.Sub(e.Since).Seconds(),
	}
}
