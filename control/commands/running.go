package commands

import (
	"context"
	"fmt"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
)

// running lists the tasks that match the filter in control_data: those that
// run, then blocked, queued and delayed ones. Consumers take every key but
// node_id for a task, so there is no other.
func running(t *Table, ctx context.Context, c Call) (Answer, error) {
	f, err := c.filter()
	if err != nil {
		return Answer{}, err
	}
	entries, err := t.tasks.Tasks(ctx, f)
	return Answer{Reply: list(entries)}, err
}

// cancel interrupts or removes the tasks that match the filter and lists them
// as running does. The empty filter matches all.
func cancel(t *Table, ctx context.Context, c Call) (Answer, error) {
	f, err := c.filter()
	if err != nil {
		return Answer{}, err
	}
	entries, err := t.tasks.Cancel(ctx, f)
	return Answer{Reply: list(entries)}, err
}

// filter reads task, uuid, args and kwargs of control_data.
func (c Call) filter() (dispatch.Filter, error) {
	data, err := c.object()
	if err != nil {
		return dispatch.Filter{}, err
	}
	var f dispatch.Filter
	if f.Task, err = text(data, "task"); err != nil {
		return f, err
	}
	if f.UUID, err = text(data, "uuid"); err != nil {
		return f, err
	}
	f.Args, f.Kwargs = encoded(data, "args"), encoded(data, "kwargs")
	return f, nil
}

func text(data map[string]any, key string) (string, error) {
	switch v := data[key].(type) {
	case nil:
		return "", nil
	case string:
		return v, nil
	default:
		return "", fmt.Errorf("control_data: %s must be a string", key)
	}
}

func encoded(data map[string]any, key string) []byte {
	v, ok := data[key]
	if !ok {
		return nil
	}
	return message.Encode(v)
}

// list is a reply with the entries' whole messages.
func list(entries []dispatch.Entry) map[string]any {
	reply := make(map[string]any, len(entries)+1)
	for _, e := range entries {
		v, err := message.Decode(e.Message.Body)
		if err != nil {
			v = map[string]any{"uuid": e.Message.UUID, "task": e.Message.Task, "error": err.Error()}
		}
		reply[e.Key()] = v
	}
	return reply
}
