package main

import (
	"errors"
	"testing"

	"dispatcherd/control"
	"dispatcherd/daemon/message"
)

func TestVerdictOnRepliesOfSeveralDaemons(t *testing.T) {
	t.Parallel()
	north, south := map[string]any{"node_id": "north"}, map[string]any{"node_id": "south", "error": "No control method main"}
	tests := []struct {
		name     string
		replies  []any
		expected int
		acts     bool
		want     string
		code     int
	}{
		{"as many as expected", []any{north}, 1, false, "", 0},
		{"more", []any{north, north}, 1, false, "", 0},
		{"none", nil, 1, false, "obtained only 0 of 1 replies", 1},
		{"an error among them", []any{north, south}, 2, false, "south: No control method main", 0},
		{"an error where something was to be done", []any{north, south}, 2, true, "south: No control method main", 1},
		{"both", []any{south}, 2, false, "south: No control method main; obtained only 1 of 2 replies", 1},
		{"an error of nobody", []any{map[string]any{"error": "refused"}}, 1, true, "refused", 1},
		{"no objects", []any{"text", message.Number("5"), nil}, 3, true, "", 0},
	}
	for _, tt := range tests {
		got, code := "", 0
		if err := verdict(tt.replies, tt.expected, tt.acts); err != nil {
			got, code = oneLine(err.Error()), 1
			if remark := (*notice)(nil); errors.As(err, &remark) {
				code = 0
			}
		}
		if got != tt.want || code != tt.code {
			t.Errorf("verdict on %s = %q, exit code %d, want %q, %d", tt.name, got, code, tt.want, tt.code)
		}
	}
}

func TestArgumentsAreOfTheTypeOfTheirCommand(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind, text string
		ok         bool
	}{
		{"integer", "0", true}, {"integer", "-3", true}, {"integer", "1.0", false}, {"integer", "1e3", false}, {"integer", "many", false},
		{"integer", `"1"`, false}, {"integer", "NaN", false}, {"integer", "-Infinity", false},
		{"number", "1.5", true}, {"number", "[1]", false}, {"json", "[1]", true}, {"json", "[1", false},
	} {
		if _, err := argument(control.Arg{Name: "limit", Type: tt.kind}, tt.text); (err == nil) != tt.ok {
			t.Errorf("%s as %s: %v", tt.text, tt.kind, err)
		}
	}
}
