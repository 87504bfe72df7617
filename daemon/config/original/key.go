package original

import (
	"regexp"
	"strconv"
	"strings"
)

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// Join returns the full key of something in a table, in one form for our file and for the
// original's: places are looked up by it.
func Join(table, name string) string {
	if !bareKey.MatchString(name) {
		name = strconv.Quote(name)
	}
	if table == "" {
		return name
	}
	return table + "." + name
}

// Element returns the full key of an element of an array.
func Element(array string, i int) string { return array + "[" + strconv.Itoa(i) + "]" }

// Parent returns the table or array around a key; nothing at the top.
func Parent(key string) string { return key[:max(strings.LastIndexAny(key, ".["), 0)] }
