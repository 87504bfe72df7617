package original

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// node is a value of the file. A node that an anchor names may stand in more than one
// place: it is never changed.
type node struct {
	kind    kind
	line    int
	scalar  any // nil, bool, int64, float64, string or notJSON
	items   []*node
	entries []entry
	size    int // how many values there are in it, itself included
	height  int // how many stand inside each other below it
}

type kind int

const (
	scalar kind = iota
	list
	mapping
)

// entry is a key of a mapping with its value.
type entry struct {
	key   string
	line  int // of the key
	value *node
}

// entry returns the value of a key; nil if there is none.
func (n *node) entry(key string) *node {
	for _, e := range n.entries {
		if e.key == key {
			return e.value
		}
	}
	return nil
}

// isNull reports whether the value is null, or was left out.
func (n *node) isNull() bool { return n == nil || n.kind == scalar && n.scalar == nil }

// falsy reports whether Python takes the value for false.
func (n *node) falsy() bool {
	if n.kind != scalar {
		return len(n.items)+len(n.entries) == 0
	}
	switch v := n.scalar.(type) {
	case bool:
		return !v
	case int64:
		return v == 0
	case float64:
		return v == 0
	case string:
		return v == ""
	}
	return true
}

// number returns what Python takes for a number, true and false among them.
func (n *node) number() (float64, bool) {
	switch v := n.scalar.(type) {
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	}
	return 0, false
}

// text returns the value if it is a string.
func (n *node) text() (string, bool) {
	s, ok := n.scalar.(string)
	return s, ok
}

// plain returns the value in the types that a TOML decoder makes.
func (n *node) plain() any {
	switch n.kind {
	case list:
		to := make([]any, len(n.items))
		for i, item := range n.items {
			to[i] = item.plain()
		}
		return to
	case mapping:
		to := make(map[string]any, len(n.entries))
		for _, e := range n.entries {
			to[e.key] = e.value.plain()
		}
		return to
	default:
		return n.scalar
	}
}

// shown returns the value as a problem shows it, where it can be no secret.
func (n *node) shown() string {
	switch n.kind {
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	}
	switch v := n.scalar.(type) {
	case nil:
		return "null"
	case string:
		return shortened(v)
	}
	return string(n.appendJSON(nil))
}

const maxShownBytes = 60

func shortened(s string) string {
	if len(s) <= maxShownBytes {
		return strconv.Quote(s)
	}
	return strconv.Quote(strings.ToValidUTF8(s[:maxShownBytes], "")) + " and more"
}

// typeName names the type alone, where the value could be a secret.
func (n *node) typeName() string {
	switch n.kind {
	case list:
		return "a list"
	case mapping:
		return "a mapping"
	}
	switch n.scalar.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case string:
		return "a string"
	case notJSON:
		return "what JSON lacks"
	}
	return "a number"
}

// appendJSON appends the value as Python's json would write it, but for the blanks: keys
// in the order of the file, and a float with its point.
func (n *node) appendJSON(to []byte) []byte {
	switch n.kind {
	case list:
		to = append(to, '[')
		for i, item := range n.items {
			if i > 0 {
				to = append(to, ',')
			}
			to = item.appendJSON(to)
		}
		return append(to, ']')
	case mapping:
		to = append(to, '{')
		for i, e := range n.entries {
			if i > 0 {
				to = append(to, ',')
			}
			to = append(appendText(to, e.key), ':')
			to = e.value.appendJSON(to)
		}
		return append(to, '}')
	}
	switch v := n.scalar.(type) {
	case bool:
		return strconv.AppendBool(to, v)
	case int64:
		return strconv.AppendInt(to, v, 10)
	case float64:
		return append(to, floatText(v)...)
	case string:
		return appendText(to, v)
	}
	return append(to, "null"...)
}

// floatText writes a finite float so that it stays one.
func floatText(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

func appendText(to []byte, s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string in a buffer: neither can fail
	return append(to, bytes.TrimSuffix(b.Bytes(), []byte("\n"))...)
}
