package message

import (
	"bytes"
	"sync"
)

// The names of tasks are few, and those who wait have them in common. What is kept of them is bounded, since publishers may send any text for a name.
const (
	keptNames       = 1000
	longestKeptName = 128 // bytes
)

// names are the kept ones; they are for concurrent use.
var names = struct {
	sync.RWMutex
	kept map[string]string
}{kept: map[string]string{}}

// nameOf is the value of a JSON string, of which there is one copy for all that are equal where that is possible; "" for any other value.
func nameOf(raw []byte) string {
	if len(raw) == 0 || raw[0] != '"' || len(raw) > longestKeptName || bytes.IndexByte(raw, '\\') >= 0 {
		return stringOr(raw, "")
	}
	inner := raw[1 : len(raw)-1]
	names.RLock()
	name, ok := names.kept[string(inner)]
	full := len(names.kept) >= keptNames
	names.RUnlock()
	if ok {
		return name
	}
	name = string(inner)
	if !full {
		names.Lock()
		names.kept[name] = name
		names.Unlock()
	}
	return name
}
