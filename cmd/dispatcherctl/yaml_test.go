package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/message"
)

func TestYAMLIsWrittenAsPythonWritesIt(t *testing.T) {
	t.Parallel()
	tests := []struct{ json, want string }{
		{`[]`, "[]\n"},
		{`{"a": {}}`, "a: {}\n"},
		{`[{"node_id": "n1"}]`, "- node_id: n1\n"},
		{`[{"b": [], "a": {}, "c": [1, [2]], "d": {"x": [{"y": null}]}}]`,
			"- a: {}\n  b: []\n  c:\n  - 1\n  - - 2\n  d:\n    x:\n    - y: null\n"},
		{`["1", "1.5", "1.5e+3", "1e5", "0x1f", "1_000", "12:30:45", "010", "2024-01-31", ".5", "-1", "+.inf", ".nan"]`,
			"- '1'\n- '1.5'\n- '1.5e+3'\n- 1e5\n- '0x1f'\n- '1_000'\n- '12:30:45'\n- '010'\n- '2024-01-31'\n- '.5'\n- '-1'\n- '+.inf'\n- '.nan'\n"},
		{`["yes", "No", "ON", "off", "true", "null", "~", "", "=", "<<", "n", "nulls"]`,
			"- 'yes'\n- 'No'\n- 'ON'\n- 'off'\n- 'true'\n- 'null'\n- '~'\n- ''\n- '='\n- '<<'\n- n\n- nulls\n"},
		{`[1234567890123456789012345678901234567890, -0, 1.50, 1e400, 1E-7, 2.5e10, 1e16, -0.0, NaN, Infinity, -Infinity, true, false]`,
			"- 1234567890123456789012345678901234567890\n- 0\n- 1.5\n- .inf\n- 1.0e-07\n- 25000000000.0\n- 1.0e+16\n- -0.0\n- .nan\n- .inf\n- -.inf\n- true\n- false\n"},
		{`["- a", "a: b", "a #b", "#", "{x", "*x", "!x", "%", "@", "it's"]`,
			"- '- a'\n- 'a: b'\n- 'a #b'\n- '#'\n- '{x'\n- '*x'\n- '!x'\n- '%'\n- '@'\n- it's\n"},
		{`["two\nlines", "three\nlines\n", "tab\t", "ä\u001b[31m", "\ud800 \ud83d\ude00"]`,
			"- 'two\n\n  lines'\n- 'three\n\n  lines\n\n  '\n- \"tab\\t\"\n- \"\\xE4\\e[31m\"\n- \"\\uD800 \\U0001F600\"\n"},
		{`[{"": {"a": 1}, "two\nlines": [1]}]`, "- ? ''\n  : a: 1\n  ? 'two\n\n    lines'\n  : - 1\n"},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, yamlText(decode(t, tt.json))); diff != "" {
			t.Errorf("yamlText(%s) -want +got:\n%s", tt.json, diff)
		}
	}
}

// The file values.yaml is what PyYAML 6 has made of values.json, which has long text and keys, spaces, line breaks and
// control characters in all combinations.
func TestYAMLIsWhatPythonHasMadeOfTheSameValues(t *testing.T) {
	t.Parallel()
	text := map[string]string{}
	for _, name := range []string{"values.json", "values.yaml"} {
		content, err := os.ReadFile("testdata/pyyaml/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text[name] = string(content)
	}
	if diff := cmp.Diff(text["values.yaml"], yamlText(decode(t, text["values.json"]))); diff != "" {
		t.Errorf("-Python +ours:\n%s", diff)
	}
}

func decode(t *testing.T, json string) any {
	t.Helper()
	value, err := message.Decode([]byte(json))
	if err != nil {
		t.Fatalf("%s: %v", json, err)
	}
	return value
}
