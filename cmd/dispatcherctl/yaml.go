package main

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"

	"dispatcherd/daemon/message"
)

// yamlText writes a JSON value as the Python dispatcherctl does: in block style, with sorted keys.
func yamlText(value any) string {
	var out strings.Builder
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	enc.CompactSeqIndent()
	// Neither can fail: the nodes are ours, and a Builder takes everything.
	enc.Encode(yamlNode(value))
	enc.Close()
	return out.String()
}

func yamlNode(value any) *yaml.Node {
	switch v := value.(type) {
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: "null"}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: fmt.Sprint(v)}
	case message.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: yamlNumber(string(v))}
	case string:
		return yamlString(v)
	case []any:
		return yamlList(v)
	case map[string]any:
		return yamlMap(v)
	default:
		return yamlString(fmt.Sprint(v))
	}
}

func yamlList(list []any) *yaml.Node {
	node := &yaml.Node{Kind: yaml.SequenceNode}
	if len(list) == 0 {
		node.Style = yaml.FlowStyle
	}
	for _, item := range list {
		node.Content = append(node.Content, yamlNode(item))
	}
	return node
}

func yamlMap(object map[string]any) *yaml.Node {
	node := &yaml.Node{Kind: yaml.MappingNode}
	if len(object) == 0 {
		node.Style = yaml.FlowStyle
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		node.Content = append(node.Content, yamlString(key), yamlNode(object[key]))
	}
	return node
}

// yamlNumber keeps every digit. YAML 1.1, which Python reads, takes 1e9 for text: a float has a point and a signed exponent.
func yamlNumber(text string) string {
	switch text {
	case "NaN":
		return ".nan"
	case "Infinity":
		return ".inf"
	case "-Infinity":
		return "-.inf"
	}
	mantissa, exponent, ok := strings.Cut(strings.ToLower(text), "e")
	if !ok {
		return text
	}
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if exponent[0] != '-' && exponent[0] != '+' {
		exponent = "+" + exponent
	}
	return mantissa + "e" + exponent
}

// yamlString picks a style in which the text stays text for readers of YAML 1.1 as well as 1.2.
func yamlString(text string) *yaml.Node {
	text = strings.ToValidUTF8(text, "\uFFFD") // half a surrogate pair cannot stand in YAML
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	switch {
	case strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }), raggedLines.MatchString(text):
		node.Style = yaml.DoubleQuotedStyle
	case strings.Contains(text, "\n"):
		node.Style = yaml.LiteralStyle
	case otherThanText.MatchString(text):
		node.Style = yaml.SingleQuotedStyle
	}
	return node
}

// raggedLines matches text of several lines that a literal block would not keep for every reader.
var raggedLines = regexp.MustCompile(`^[ \n].*\n|^\n| \n|\n\n$|(?s)\n.* $`)

// otherThanText matches what a reader would not take for a string, by the types of YAML 1.1 (https://yaml.org/type/), less
// the single letters y and n, which hardly any reader takes for booleans.
var otherThanText = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`|~|null|Null|NULL|=|<<`,
	`yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF`,
	`[-+]?0b[01_]+|[-+]?0o?[0-7_]+|[-+]?[0-9][0-9_]*|[-+]?0x[0-9a-fA-F_]+`,
	`[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?`,
	`[-+]?(?:[0-9][0-9_]*)?\.[0-9_]*(?:[eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+`,
	`[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)`,
	`[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?`,
}, "|") + `)$`)
