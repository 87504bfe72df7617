package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"dispatcherd/daemon/message"
)

// yamlText writes a JSON value byte for byte as the Python dispatcherctl does: in block style, with sorted keys, in ASCII,
// long text folded.
func yamlText(value any) string {
	var y yamlWriter
	y.value(value, 0)
	y.WriteByte('\n')
	return y.String()
}

// yamlWriter writes blocks: where one stands inside another, it begins in the line of its dash or on a new one.
type yamlWriter struct {
	strings.Builder
	lineStart int // in bytes
}

// column is how far the line has come. The output is ASCII: a byte is a character.
func (y *yamlWriter) column() int { return y.Len() - y.lineStart }

// newline begins a line with spaces.
func (y *yamlWriter) newline(indent int) {
	y.WriteByte('\n')
	y.lineStart = y.Len()
	y.pad(indent)
}

func (y *yamlWriter) pad(indent int) { y.WriteString(strings.Repeat(" ", indent)) }

// value writes what begins at the column where y is.
func (y *yamlWriter) value(value any, indent int) {
	switch v := value.(type) {
	case []any:
		if len(v) > 0 {
			y.list(v, indent)
			return
		}
		y.WriteString("[]")
	case map[string]any:
		if len(v) > 0 {
			y.object(v, indent)
			return
		}
		y.WriteString("{}")
	case nil:
		y.WriteString("null")
	case bool:
		y.WriteString(strconv.FormatBool(v))
	case message.Number:
		y.WriteString(yamlNumber(string(v)))
	case string:
		y.text(v, indent, true)
	default:
		y.text(fmt.Sprint(v), indent, true)
	}
}

func (y *yamlWriter) list(list []any, indent int) {
	for i, item := range list {
		if i > 0 {
			y.newline(indent)
		}
		y.WriteString("- ")
		y.value(item, deeper(item, indent))
	}
}

func (y *yamlWriter) object(object map[string]any, indent int) {
	for i, key := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			y.newline(indent)
		}
		if !isPlainKey(key) {
			y.WriteString("? ")
			y.text(key, indent, true)
			y.newline(indent)
			y.WriteString(": ")
			y.value(object[key], deeper(object[key], indent))
			continue
		}
		y.text(key, indent, false)
		y.WriteByte(':')
		y.member(object[key], indent)
	}
}

// member writes the value of a key: blocks on a line of their own, and a list no deeper than its key.
func (y *yamlWriter) member(value any, indent int) {
	switch {
	case !isBlock(value):
		y.WriteByte(' ')
	case isList(value):
		y.newline(indent)
	default:
		indent += 2
		y.newline(indent)
	}
	y.value(value, indent)
}

// deeper is the indent of a value that begins in the line of a dash.
func deeper(value any, indent int) int {
	if isBlock(value) {
		return indent + 2
	}
	return indent
}

func isBlock(value any) bool {
	object, _ := value.(map[string]any)
	return isList(value) || len(object) > 0
}

func isList(value any) bool {
	list, _ := value.([]any)
	return len(list) > 0
}

// yamlNumber writes integers with every digit and others as Python does, which has read them as floats. YAML 1.1, which
// Python reads, takes 1e9 for text: a float has a point.
func yamlNumber(text string) string {
	switch text {
	case "NaN":
		return ".nan"
	case "-0":
		return "0"
	}
	if !strings.ContainsAny(text, ".eEI") {
		return text
	}
	f, _ := strconv.ParseFloat(text, 64) // what is out of range is infinite
	switch {
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	short := strconv.FormatFloat(f, 'e', -1, 64)
	mantissa, exponent, _ := strings.Cut(short, "e")
	if e, _ := strconv.Atoi(exponent); f == 0 || -4 <= e && e < 16 {
		return withPoint(strconv.FormatFloat(f, 'f', -1, 64))
	}
	return withPoint(mantissa) + "e" + exponent
}

func withPoint(digits string) string {
	if strings.Contains(digits, ".") {
		return digits
	}
	return digits + ".0"
}
