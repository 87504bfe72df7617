package message

import (
	"encoding/json"
	"testing"
)

func TestObjectKeepsItsOrderAndWhatIsJSONAlready(t *testing.T) {
	t.Parallel()
	object := Object{
		{"worker-10", json.RawMessage(`{"b": 1.50, "a": 12345678901234567890123, "n": NaN, "ü": "\ud800"}`)},
		{"worker-9", Object{}},
		{"node_id", "n"},
	}
	const want = `{"worker-10": {"b": 1.50, "a": 12345678901234567890123, "n": NaN, "\u00fc": "\ud800"}, "worker-9": {}, "node_id": "n"}`
	if got := string(Encode(object)); got != want {
		t.Errorf("Encode = %s, want %s", got, want)
	}
	if got := string(Encode([]any{object})); got != "["+want+"]" {
		t.Errorf("Encode of a list of it = %s, want [%s]", got, want)
	}
}
