package commands

import (
	"context"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/history"
)

// usualEnds is how many are told where the request does not say.
const usualEnds = 100

// ends lists the tasks that ended last, the last one first.
func ends(t *Table, _ context.Context, c Call) (Answer, error) {
	data, err := c.object()
	if err != nil {
		return Answer{}, err
	}
	limit, err := wholeNumber(data, "limit", usualEnds, usualEnds)
	if err == nil && limit < 0 {
		err = badData(": limit must be 0 or more")
	}
	if err != nil {
		return Answer{}, err
	}
	outcome, err := optionalText(data, "outcome")
	if err != nil {
		return Answer{}, err
	}
	task, err := optionalText(data, "task")
	if err != nil {
		return Answer{}, err
	}
	kept := t.service.History()
	told := []any{}
	for _, e := range kept.Last(limit, history.Filter{Outcome: dispatch.Outcome(outcome), Task: task}) {
		told = append(told, verdict(e))
	}
	return Answer{Reply: map[string]any{"ended": told, "size": kept.Size()}}, nil
}

// optionalText reads a text of control_data; absent and null are "".
func optionalText(data map[string]any, key string) (string, error) {
	text, ok := data[key].(string)
	if !ok && data[key] != nil {
		return "", badData(": " + key + " must be a string")
	}
	return text, nil
}
