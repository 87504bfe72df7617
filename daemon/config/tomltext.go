package config

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"dispatcherd/daemon/config/original"
)

// tomlText writes the values of a file as TOML, in the order of the document's fields.
// There must be no null among them.
func tomlText(values map[string]any) string {
	var w tomlWriter
	w.table("", values, reflect.TypeFor[document]())
	return w.String()
}

type tomlWriter struct{ strings.Builder }

// table writes first the keys of a section, then the sections in it.
func (w *tomlWriter) table(name string, values map[string]any, section reflect.Type) {
	fields := inOrder(section)
	for _, f := range fields {
		if value, ok := values[f.key]; ok && !isSection(f.of) {
			fmt.Fprintf(w, "%s = %s\n", f.key, tomlValue(value))
		}
	}
	for _, f := range fields {
		value, ok := values[f.key]
		if !ok || !isSection(f.of) {
			continue
		}
		key := original.Join(name, f.key)
		if list, ok := value.([]any); ok {
			for _, item := range list {
				fmt.Fprintf(w, "\n[[%s]]\n", key)
				w.table(key, item.(map[string]any), f.of.Elem())
			}
			continue
		}
		inner, _ := value.(map[string]any)
		if key != "brokers" { // which has no keys of its own
			fmt.Fprintf(w, "\n[%s]\n", key)
		}
		w.table(key, inner, f.of)
	}
}

// isSection reports whether something is written under a header.
func isSection(of reflect.Type) bool {
	return of.Kind() == reflect.Struct || of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct
}

type keyOf struct {
	key string
	of  reflect.Type
}

// inOrder returns the keys of a section in the order of its fields.
func inOrder(section reflect.Type) (keys []keyOf) {
	for i := range section.NumField() {
		f := section.Field(i)
		if key := f.Tag.Get("toml"); key != "" {
			keys = append(keys, keyOf{key, f.Type})
		} else if f.Anonymous {
			keys = append(keys, inOrder(f.Type)...)
		}
	}
	return keys
}

// tomlValue writes a value in one line.
func tomlValue(value any) string {
	switch v := value.(type) {
	case string:
		return tomlString(v)
	case float64:
		return tomlFloat(v)
	case []any:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = tomlValue(item)
		}
		return "[" + strings.Join(items, ", ") + "]"
	case map[string]any:
		pairs := make([]string, 0, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			pairs = append(pairs, tomlKey(name)+" = "+tomlValue(v[name]))
		}
		if len(pairs) == 0 {
			return "{}"
		}
		return "{ " + strings.Join(pairs, ", ") + " }"
	default:
		return fmt.Sprint(v) // an integer or a boolean
	}
}

func tomlFloat(v float64) string {
	s := strconv.FormatFloat(v, 'g', -1, 64)
	if v == math.Trunc(v) && !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

func tomlKey(name string) string {
	if bareKey.MatchString(name) {
		return name
	}
	return tomlString(name)
}

// tomlString writes a basic string, https://toml.io/en/v1.0.0#string.
func tomlString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
