package config

import "dispatcherd/daemon/config/original"

// outline is where things stand in a TOML text. The library tells the lines of
// its own errors, but not those of keys.
type outline struct {
	lines map[string]int // of each table, array and key, by the names of join and element
	order []string       // the headers and keys as they are written
	parts []statement
	// excess says what a text has too much of for the library to read it in
	// little time and space; it belongs to the last statement.
	excess string
}

// statement is a header, or a key with its value.
type statement struct {
	start, end          int // bytes, without the newline at the end
	firstLine, lastLine int
	key                 string
	header              bool
}

// line returns where the key stands; 0 if it does not.
func (o outline) line(key string) int { return o.lines[key] }

// nearest returns the line of the key or else of the closest table around it; 0
// if there is none.
func (o outline) nearest(key string) int {
	for ; key != ""; key = original.Parent(key) {
		if line := o.lines[key]; line > 0 {
			return line
		}
	}
	return 0
}

// on returns the statement that a line belongs to.
func (o outline) on(line int) (statement, bool) {
	for _, s := range o.parts {
		if s.firstLine <= line && line <= s.lastLine {
			return s, true
		}
	}
	return statement{}, false
}
