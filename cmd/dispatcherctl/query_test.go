package main

import (
	"testing"

	"dispatcherd/daemon/message"
)

func TestVerdictOnRepliesOfSeveralDaemons(t *testing.T) {
	t.Parallel()
	north, south := map[string]any{"node_id": "north"}, map[string]any{"node_id": "south", "error": "No control method main"}
	tests := []struct {
		name     string
		replies  []any
		expected int
		want     string
	}{
		{"as many as expected", []any{north}, 1, ""},
		{"more", []any{north, north}, 1, ""},
		{"none", nil, 1, "obtained only 0 of 1 replies"},
		{"an error among them", []any{north, south}, 2, "south: No control method main"},
		{"both", []any{south}, 2, "south: No control method main; obtained only 1 of 2 replies"},
		{"no objects", []any{"text", message.Number("5"), nil}, 3, ""},
	}
	for _, tt := range tests {
		got := ""
		if err := verdict(tt.replies, tt.expected); err != nil {
			got = oneLine(err.Error())
		}
		if got != tt.want {
			t.Errorf("verdict on %s = %q, want %q", tt.name, got, tt.want)
		}
	}
}
