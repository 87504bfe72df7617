package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"dispatcherd/daemon/config/original"
)

// maxShownBytes bounds how much of a wrong text is shown.
const maxShownBytes = 60

// decode puts the values into the sections, key by key: the library's own
// decoding stops at the first wrong type, leaves unknown keys unsaid, and takes
// a duration without a unit for nanoseconds.
func decode(file string, at outline, values map[string]any, to *document) Problems {
	d := decoder{file: file, at: at}
	d.table("", values, reflect.ValueOf(to).Elem())
	return d.problems
}

type decoder struct {
	file     string
	at       outline
	problems Problems
}

func (d *decoder) add(key, want, got string) {
	d.problems = append(d.problems, Problem{File: d.file, Line: d.at.nearest(key), Key: key, Want: want, Value: got})
}

// wrong reports a value of another type than the key has.
func (d *decoder) wrong(key, want string, value any) {
	d.add(key, "must be "+want, shown(key, value))
}

func (d *decoder) table(table string, values map[string]any, to reflect.Value) {
	fields := fieldsOf(to.Type())
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if f, ok := fields[name]; ok {
			d.value(original.Join(table, name), values[name], to.FieldByIndex(f.Index))
		} else {
			d.unknown(table, name, to.Type())
		}
	}
}

func (d *decoder) unknown(table, name string, section reflect.Type) {
	key := original.Join(table, name)
	if meant, ok := suggestion(table, name, section); ok {
		d.add(key, fmt.Sprintf("unknown key; did you mean %s?", meant), "")
		return
	}
	place := "the file"
	if table != "" {
		place = table
	}
	d.add(key, fmt.Sprintf("unknown key; %s may have %s", place, strings.Join(keysOf(section), ", ")), "")
}

// value puts one value into its field. A test makes sure that there is a case
// for each type that the sections use.
func (d *decoder) value(key string, value any, to reflect.Value) {
	if text, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(key, value, text)
		return
	}
	if to.Type() == durationType {
		d.duration(key, value, to)
		return
	}
	switch to.Kind() {
	case reflect.String:
		if s, ok := value.(string); ok {
			to.SetString(s)
			return
		}
		d.wrong(key, "a string", value)
	case reflect.Bool:
		if b, ok := value.(bool); ok {
			to.SetBool(b)
			return
		}
		d.wrong(key, "true or false", value)
	case reflect.Int, reflect.Int64:
		if n, ok := value.(int64); ok && !to.OverflowInt(n) {
			to.SetInt(n)
			return
		}
		d.wrong(key, "an integer", value)
	case reflect.Struct:
		if table, ok := value.(map[string]any); ok {
			d.table(key, table, to)
			return
		}
		d.wrong(key, "a table", value)
	case reflect.Slice:
		d.array(key, value, to)
	case reflect.Map:
		d.mapping(key, value, to)
	case reflect.Interface:
		if value != nil { // YAML's null, which is what the field holds already
			to.Set(reflect.ValueOf(uniform(value)))
		}
	default:
		d.add(key, fmt.Sprintf("cannot be configured: nothing reads a %s here", to.Type()), "")
	}
}

// text puts a value into a field that reads its own text: a string, or an integer for
// which there is no need to write one. The field's error says what would be right.
func (d *decoder) text(key string, value any, to encoding.TextUnmarshaler) {
	var text string
	switch v := value.(type) {
	case string:
		text = v
	case int64:
		text = strconv.FormatInt(v, 10)
	}
	if err := to.UnmarshalText([]byte(text)); err != nil {
		d.wrong(key, err.Error(), value)
	}
}

// uniform makes a list of any kind of what the library returns as a list of tables.
func uniform(value any) any {
	switch v := value.(type) {
	case []map[string]any:
		to := make([]any, len(v))
		for i, table := range v {
			to[i] = uniform(table)
		}
		return to
	case []any:
		to := make([]any, len(v))
		for i, item := range v {
			to[i] = uniform(item)
		}
		return to
	case map[string]any:
		to := make(map[string]any, len(v))
		for name, item := range v {
			to[name] = uniform(item)
		}
		return to
	}
	return value
}

func (d *decoder) duration(key string, value any, to reflect.Value) {
	if s, ok := value.(string); ok {
		if duration, err := time.ParseDuration(s); err == nil {
			to.SetInt(int64(duration))
			return
		}
	}
	d.wrong(key, `a duration such as "15s"`, value)
}

func (d *decoder) array(key string, value any, to reflect.Value) {
	from := reflect.ValueOf(value)
	if from.Kind() != reflect.Slice {
		want := "an array"
		switch to.Type().Elem().Kind() {
		case reflect.Struct:
			want = fmt.Sprintf("an array of tables, [[%s]]", key)
		case reflect.String:
			want = "an array of strings"
		}
		d.wrong(key, want, value)
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), from.Len(), from.Len()))
	for i := range from.Len() {
		d.value(original.Element(key, i), from.Index(i).Interface(), to.Index(i))
	}
}

func (d *decoder) mapping(key string, value any, to reflect.Value) {
	from, ok := value.(map[string]any)
	if !ok {
		d.wrong(key, "a table", value)
		return
	}
	to.Set(reflect.MakeMapWithSize(to.Type(), len(from)))
	for _, name := range slices.Sorted(maps.Keys(from)) {
		v := reflect.New(to.Type().Elem()).Elem()
		d.value(original.Join(key, name), from[name], v)
		to.SetMapIndex(reflect.ValueOf(name), v)
	}
}

// shown returns a value as a problem shows it: of a secret, the type alone.
func shown(key string, value any) string {
	kind := ""
	switch v := value.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "a table"
	case []any, []map[string]any:
		return "an array"
	case time.Time:
		return "a date or time"
	case string:
		if !secret(key) {
			return quote(v)
		}
		kind = "a string"
	case int64:
		kind = "an integer"
	case float64:
		kind = "a float"
	case bool:
		kind = "a boolean"
	}
	if secret(key) {
		return kind
	}
	return fmt.Sprint(value)
}

func quote(s string) string {
	if len(s) > maxShownBytes {
		begin := strings.ToValidUTF8(s[:maxShownBytes], "") // the cut may be inside a letter
		return fmt.Sprintf("%q and %d more bytes", begin, len(s)-len(begin))
	}
	return fmt.Sprintf("%q", s)
}
