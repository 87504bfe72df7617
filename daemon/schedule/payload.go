package schedule

import (
	"errors"
	"fmt"
	"time"

	"dispatcherd/daemon/message"
)

// message returns the task as a message with the given uuid.
func (t Task) message(uuid string) (*message.Message, error) {
	body, err := object(t.Message)
	if err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	body["task"], body["uuid"] = t.Task, uuid
	args, err := list(t.Args)
	if err != nil {
		return nil, fmt.Errorf("args: %w", err)
	}
	kwargs, err := object(t.Kwargs)
	if err != nil {
		return nil, fmt.Errorf("kwargs: %w", err)
	}
	// What is left out is absent from the message too: publishers do the same,
	// and for duplicates an absent value is not equal to an empty one.
	if len(args) > 0 {
		body["args"] = args
	}
	if len(kwargs) > 0 {
		body["kwargs"] = kwargs
	}
	if t.Timeout > 0 {
		body["timeout"] = t.Timeout.Seconds()
	}
	if t.Delay > 0 {
		body["delay"] = t.Delay.Seconds()
	}
	if t.OnDuplicate != "" {
		body["on_duplicate"] = string(t.OnDuplicate)
	}
	return message.Parse(message.Encode(body))
}

// list and object turn what TOML has into what JSON has. No error contains a
// value: arguments hold secrets.
func list[T any](from []T) ([]any, error) {
	to := make([]any, len(from))
	for i, v := range from {
		var err error
		if to[i], err = value(v); err != nil {
			return nil, err
		}
	}
	return to, nil
}

func object(from map[string]any) (map[string]any, error) {
	to := make(map[string]any, len(from))
	for k, v := range from {
		var err error
		if to[k], err = value(v); err != nil {
			return nil, err
		}
	}
	return to, nil
}

func value(v any) (any, error) {
	switch v := v.(type) {
	case bool, string, int, int64, uint64, float64, nil:
		return v, nil
	case []any:
		return list(v)
	case []map[string]any: // an array of tables
		return list(v)
	case map[string]any:
		return object(v)
	case time.Time:
		return nil, errors.New("must be written as a string where it is a date: JSON has no dates")
	default:
		return nil, fmt.Errorf("must be made of what JSON has, got a %T", v)
	}
}
