package commands

import (
	"context"
	"encoding/json"
	"fmt"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
)

const errNoControlProducer wording = "A ControlProducer producer is not enabled. Add it to the list of producers in the service config to use this."

// run submits the message in control_data. Its ack means accepted, not run: the task may
// yet wait, or be discarded as a duplicate. A control request is carried out; its reply
// goes nowhere.
func run(t *Table, ctx context.Context, c Call) (Answer, error) {
	if !t.service.RunEnabled() {
		return Answer{}, errNoControlProducer
	}
	if _, err := c.object(); err != nil {
		return Answer{}, err
	}
	text := c.Data
	if text == nil {
		text = []byte("{}") // a task without a name, which fails
	}
	m, err := message.Parse(text)
	if err != nil {
		return Answer{}, err
	}
	var watch chan dispatch.Ended
	if c.Wait && !m.IsControl {
		watch = make(chan dispatch.Ended, 1)
	}
	if err := t.service.Submit(ctx, c.Caller, m, watch); err != nil {
		return Answer{}, fmt.Errorf("task is not accepted: %w", err)
	}
	return Answer{Reply: map[string]any{"ack": json.RawMessage(text)}, UUIDs: []string{m.UUID()}, Ended: watch}, nil
}

// Ended is the reply that follows once a task has ended that was waited for.
func Ended(e dispatch.Ended) map[string]any {
	result, err := message.Decode(e.Result)
	if err != nil {
		result = nil
	}
	told := verdict(e)
	told["result"] = result
	return map[string]any{"ended": told}
}
