package commands

import (
	"context"
	"encoding/json"
	"errors"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
)

// running lists the tasks that match the filter in control_data: those that
// run, then blocked, queued and delayed ones. Consumers take every key but
// node_id for a task, so there is no other.
func running(t *Table, ctx context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	entries, err := t.tasks.Tasks(ctx, filter(data))
	return list(entries), err
}

// cancel interrupts or removes the tasks that match the filter and lists them
// as running does. That it is every task must be meant.
func cancel(t *Table, ctx context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	f := filter(data)
	if f.SelectsAll() && data["all"] != true && !t.service.CancelsWithoutFilter() {
		return Answer{}, errNoFilter
	}
	entries, err := t.tasks.Cancel(ctx, f)
	answer := list(entries)
	for _, e := range entries {
		answer.UUIDs = append(answer.UUIDs, e.Message.UUID)
	}
	return answer, err
}

// errNoFilter is no badData: the request is one that other daemons carry out.
var errNoFilter = errors.New(`cancel needs a filter, which is task, uuid, args or kwargs, or "all": true for every task ` +
	"(control.cancel_without_filter permits it without)")

// filter reads task, uuid, args and kwargs of control_data.
func filter(data map[string]any) dispatch.Filter {
	return dispatch.Filter{
		Task: encoded(data, "task"), UUID: encoded(data, "uuid"),
		Args: encoded(data, "args"), Kwargs: encoded(data, "kwargs"),
	}
}

func encoded(data map[string]any, key string) []byte {
	v, ok := data[key]
	if !ok {
		return nil
	}
	return message.Encode(v)
}

// list is the entries' whole messages, as they were sent.
func list(entries []dispatch.Entry) Answer {
	a := Answer{Reply: make(map[string]any, len(entries)), Order: make([]string, len(entries))}
	for i, e := range entries {
		a.Order[i] = e.Key()
		a.Reply[a.Order[i]] = json.RawMessage(e.Message.Body)
	}
	return a
}
