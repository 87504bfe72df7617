package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"pgregory.net/rapid"

	"dispatcherd/daemon/message"
)

func TestYAMLIsWrittenAsPythonWritesIt(t *testing.T) {
	t.Parallel()
	tests := []struct{ json, want string }{
		{`[]`, "[]\n"},
		{`[{"node_id": "n1"}]`, "- node_id: n1\n"},
		{`[{"b": [], "a": {}, "c": [1, [2]], "d": {"x": [{"y": null}]}}]`,
			"- a: {}\n  b: []\n  c:\n  - 1\n  - - 2\n  d:\n    x:\n    - y: null\n"},
		{`["1", "1.5", "1e5", "0x1f", "1_000", "12:30:45", "010", "2024-01-31", ".5", "-1", "+.inf", ".nan"]`,
			"- '1'\n- '1.5'\n- '1e5'\n- '0x1f'\n- '1_000'\n- '12:30:45'\n- '010'\n- '2024-01-31'\n- '.5'\n- '-1'\n- '+.inf'\n- '.nan'\n"},
		{`["yes", "No", "ON", "off", "true", "null", "~", "", "=", "<<", "n", "nulls"]`,
			"- 'yes'\n- 'No'\n- 'ON'\n- 'off'\n- 'true'\n- 'null'\n- '~'\n- ''\n- '='\n- '<<'\n- n\n- nulls\n"},
		{`[1234567890123456789012345678901234567890, -0, 1.50, 1e400, 1E-7, 2.5e10, NaN, Infinity, -Infinity, true, false]`,
			"- 1234567890123456789012345678901234567890\n- -0\n- 1.50\n- 1.0e+400\n- 1.0e-7\n- 2.5e+10\n- .nan\n- .inf\n- -.inf\n- true\n- false\n"},
		{`["- a", "a: b", "a #b", "#", "{x", "*x", "!x", "%", "@", "it's"]`,
			"- '- a'\n- 'a: b'\n- 'a #b'\n- '#'\n- '{x'\n- '*x'\n- '!x'\n- '%'\n- '@'\n- it's\n"},
		{`["two\nlines", "three\nlines\n", " indented\nx", "x\n\n", "tab\t", "\u001b[31m", "\ud800"]`,
			"- |-\n  two\n  lines\n- |\n  three\n  lines\n- \" indented\\nx\"\n- \"x\\n\\n\"\n- \"tab\\t\"\n- \"\\e[31m\"\n- \uFFFD\n"},
	}
	for _, tt := range tests {
		value, err := message.Decode([]byte(tt.json))
		if err != nil {
			t.Fatalf("%s: %v", tt.json, err)
		}
		if diff := cmp.Diff(tt.want, yamlText(value)); diff != "" {
			t.Errorf("yamlText(%s) -want +got:\n%s", tt.json, diff)
		}
	}
}

// Any JSON comes back as it was, and as the same type.
func TestYAMLKeepsEveryValue(t *testing.T) {
	t.Parallel()
	text := rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.SampledFrom([]string{
			" ", "\n", "\t", "a", "0", "1", "-", "+", ".", ":", "e", "_", "#", "'", `"`, "\\", "{", "]", ",", "&", "*", "!", "|", ">", "%", "@", "=", "<<", "?",
			"ä", "語", "\U0001F600", "\x00", "\x1b", "\u0085", "\u2028", "\ufeff", "yes", "null", "~", "inf", "nan", "x", "2024-01-02",
		}), 0, 6).Draw(t, "parts")
		return strings.Join(parts, "")
	})
	number := rapid.SampledFrom([]string{"0", "-0", "17", "1234567890123456789012345", "1.5", "-1e9", "1E+3", "2.50e-7", "NaN", "Infinity", "-Infinity"})
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]any{}
		for range rapid.IntRange(0, 4).Draw(t, "keys") {
			value[text.Draw(t, "key")] = []any{text.Draw(t, "text"), message.Number(number.Draw(t, "number")), rapid.Bool().Draw(t, "bool"), nil}
		}
		out := yamlText([]any{value})
		var node yaml.Node
		if err := yaml.Unmarshal([]byte(out), &node); err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		if diff := cmp.Diff([]any{value}, readBack(t, node.Content[0])); diff != "" {
			t.Fatalf("-want +got:\n%s\nfrom\n%s", diff, out)
		}
	})
}

// readBack undoes yamlNode, by the types that a reader of YAML finds.
func readBack(t *rapid.T, node *yaml.Node) any {
	switch node.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		return node.Value == "true"
	case "!!str":
		return node.Value
	case "!!int", "!!float":
		for _, text := range []string{"NaN", "Infinity", "-Infinity", "-1e9", "1E+3"} {
			if yamlNumber(text) == node.Value {
				return message.Number(text)
			}
		}
		return message.Number(node.Value)
	case "!!seq":
		list := []any{}
		for _, item := range node.Content {
			list = append(list, readBack(t, item))
		}
		return list
	case "!!map":
		object := map[string]any{}
		for i := 0; i < len(node.Content); i += 2 {
			object[readBack(t, node.Content[i]).(string)] = readBack(t, node.Content[i+1])
		}
		return object
	}
	t.Fatalf("unexpected tag %s", node.ShortTag())
	return nil
}
