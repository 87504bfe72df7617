package dispatch

import (
	"fmt"
	"strconv"

	"dispatcherd/daemon/message"
)

// Filter selects tasks. Each field that is set must be equal; the empty filter
// selects every task.
type Filter struct {
	Task, UUID string // "" does not filter
	// Args and Kwargs are JSON text and compared as Python compares values:
	// 1 == 1.0 == true, whatever the order of keys. No text, and any value that
	// is false in Python (null, [], {}, 0, ""), does not filter.
	Args, Kwargs []byte
}

// compile returns the test that the filter is.
func (f Filter) compile() (func(*message.Message) bool, error) {
	args, err := valueFilter("args", f.Args)
	if err != nil {
		return nil, err
	}
	kwargs, err := valueFilter("kwargs", f.Kwargs)
	if err != nil {
		return nil, err
	}
	return func(m *message.Message) bool {
		return (f.Task == "" || f.Task == m.Task) &&
			(f.UUID == "" || f.UUID == m.UUID) &&
			args(m.Args) && kwargs(m.Kwargs)
	}, nil
}

// valueFilter returns the test for equality with the JSON value want.
func valueFilter(name string, want []byte) (func(value []byte) bool, error) {
	all := func([]byte) bool { return true }
	if len(want) == 0 {
		return all, nil
	}
	decoded, err := message.Decode(want)
	if err != nil {
		return nil, fmt.Errorf("filter by %s: %w", name, err)
	}
	if !truthy(decoded) {
		return all, nil
	}
	key := message.ValueKey(want)
	return func(value []byte) bool {
		return value != nil && message.ValueKey(value) == key
	}, nil
}

// truthy is what bool(v) is in Python.
func truthy(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	case message.Number:
		f, err := strconv.ParseFloat(string(v), 64)
		return err != nil || f != 0 // an error is out of range: far from 0
	default:
		return true
	}
}
