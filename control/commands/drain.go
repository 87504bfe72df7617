package commands

import "context"

// drain has the daemon take nothing new, or, with resume, take tasks again. Its reply is
// that of tasks, just after that: it does not wait for what runs.
func drain(t *Table, ctx context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	resume, ok := data["resume"].(bool)
	if _, there := data["resume"]; there && !ok {
		return Answer{}, badData(": resume must be true or false")
	}
	if err := t.service.Drain(ctx, !resume); err != nil {
		return Answer{}, err
	}
	return countTasks(t, ctx, c)
}
