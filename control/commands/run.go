package commands

import (
	"context"
	"errors"
	"fmt"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
)

// run submits the task message in control_data. Its ack means accepted, not
// run: the task may yet wait, or be discarded as a duplicate.
func run(t *Table, ctx context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	text := c.Data // not data: what it holds would arrive with its keys in another order
	if text == nil {
		text = []byte("{}") // a task without a name, which fails
	}
	m, err := message.Parse(text)
	if err != nil {
		return Answer{}, err
	}
	if m.IsControl {
		return Answer{}, errors.New("run takes a task, not a control request")
	}
	var watch chan dispatch.Ended
	if c.Wait {
		watch = make(chan dispatch.Ended, 1)
	}
	if err := t.service.Submit(ctx, m, watch); err != nil {
		return Answer{}, fmt.Errorf("task is not accepted: %w", err)
	}
	return Answer{Reply: map[string]any{"ack": data}, Ended: watch}, nil
}

// Ended is the reply that follows once a task has ended that was waited for.
func Ended(e dispatch.Ended) map[string]any {
	result, err := message.Decode(e.Result)
	if err != nil {
		result = nil
	}
	return map[string]any{"ended": map[string]any{
		"uuid": e.UUID, "task": e.Task, "outcome": string(e.Outcome), "detail": e.Detail,
		"result": result, "run_time_seconds": e.RunTime.Seconds(), "worker": e.Worker,
	}}
}
