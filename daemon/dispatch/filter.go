package dispatch

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"dispatcherd/daemon/message"
)

// Filter selects tasks by values of their messages, each of them JSON text. A value
// that is there must be equal, as Python compares: 1 == 1.0 == true, whatever the order
// of keys. No text, and any value that is false in Python (null, [], {}, 0, ""), does
// not filter; the empty filter selects every task.
type Filter struct {
	Task, UUID, Args, Kwargs []byte
}

// SelectsAll says whether nothing in the filter filters.
func (f Filter) SelectsAll() bool {
	for _, want := range [][]byte{f.Task, f.UUID, f.Args, f.Kwargs} {
		if value, err := message.Decode(want); len(want) > 0 && (err != nil || truthy(value)) {
			return false
		}
	}
	return true
}

// compile returns the test that the filter is.
func (f Filter) compile() (func(*message.Message) bool, error) {
	task, err1 := valueFilter("task", f.Task)
	uuid, err2 := valueFilter("uuid", f.UUID)
	args, err3 := valueFilter("args", f.Args)
	kwargs, err4 := valueFilter("kwargs", f.Kwargs)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	return func(m *message.Message) bool {
		return task(m.RawTask()) && uuid(m.RawUUID()) && args(m.Args) && kwargs(m.Kwargs)
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
	key, plain := message.ValueKey(want), isPlain(want)
	return func(value []byte) bool {
		if plain && isPlain(value) { // as names and uuids are, of which there may be many
			return bytes.Equal(value, want)
		}
		return value != nil && message.ValueKey(value) == key
	}, nil
}

// isPlain says whether the JSON text is a string without an escape: two of them are equal
// if their bytes are.
func isPlain(text []byte) bool {
	n := len(text)
	return n > 1 && text[0] == '"' && text[n-1] == '"' && bytes.IndexByte(text, '\\') < 0
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
