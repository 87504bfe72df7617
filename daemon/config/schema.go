package config

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"dispatcherd/daemon/config/original"
)

var durationType = reflect.TypeFor[time.Duration]()

// fieldsOf returns the fields of a section by their keys, those of embedded
// structs among them.
func fieldsOf(section reflect.Type) map[string]reflect.StructField {
	fields := map[string]reflect.StructField{}
	for i := range section.NumField() {
		f := section.Field(i)
		if key := f.Tag.Get("toml"); key != "" {
			fields[key] = f
		} else if f.Anonymous {
			for key, inner := range fieldsOf(f.Type) {
				inner.Index = append([]int{i}, inner.Index...)
				fields[key] = inner
			}
		}
	}
	return fields
}

// keysOf returns the keys of a section, sorted.
func keysOf(section reflect.Type) []string {
	return slices.Sorted(maps.Keys(fieldsOf(section)))
}

// allKeys returns every key that a file may have, in order, with [] behind
// arrays of tables.
var allKeys = sync.OnceValue(func() []string { return appendKeys(nil, "", reflect.TypeFor[document]()) })

func appendKeys(keys []string, table string, section reflect.Type) []string {
	fields := fieldsOf(section)
	for _, name := range keysOf(section) {
		key, of := original.Join(table, name), fields[name].Type
		if of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Struct {
			key, of = key+"[]", of.Elem()
		}
		keys = append(keys, key)
		if of.Kind() == reflect.Struct {
			keys = appendKeys(keys, key, of)
		}
	}
	return keys
}

var elementNumber = regexp.MustCompile(`\[\d+\]`)

// known reports whether a file may have the key.
func known(key string) bool {
	return slices.Contains(allKeys(), elementNumber.ReplaceAllString(key, "[]"))
}

// suggestion returns the key that was probably meant: one of the same section
// that differs by two letters at most, or the same name in another section.
func suggestion(table, name string, section reflect.Type) (string, bool) {
	best, distance := "", 3
	for _, key := range keysOf(section) {
		if d := editDistance(name, key); d < distance && d < len(key) {
			best, distance = original.Join(table, key), d
		}
	}
	if best != "" {
		return best, true
	}
	for _, key := range allKeys() {
		if strings.HasSuffix(key, "."+name) && !strings.Contains(key, "[]") {
			return key, true
		}
	}
	return "", false
}

// editDistance returns how many letters must be inserted, removed or replaced
// to make one word the other; 3 stands for 3 and more.
func editDistance(a, b string) int {
	const most = 3
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	row := make([]int, len(b)+1) // distances of the part of a so far from each start of b
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return min(row[len(b)], most)
}
