package config

import (
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"

	"dispatcherd/daemon/config/original"
)

const (
	// maxDepth bounds the nesting of arrays and inline tables and the parts of
	// a dotted key, for which the library needs time by the square.
	maxDepth = 64
	// maxKeyBytes bounds a full key.
	maxKeyBytes = 512
)

// scanner finds the headers and keys of a TOML text. The library judges the
// text; where that finds an error, the scanner was right up to there.
type scanner struct {
	text  string
	pos   int
	line  int
	depth int
	table string         // which the keys that follow belong to
	sizes map[string]int // how many tables an array of tables has so far
	out   outline
}

func scan(text string) outline {
	s := scanner{text: text, line: 1, sizes: map[string]int{}, out: outline{lines: map[string]int{}}}
	for s.space(true); s.pos < len(s.text) && s.out.excess == ""; s.space(true) {
		s.statement()
	}
	return s.out
}

func (s *scanner) statement() {
	stmt := statement{start: s.pos, firstLine: s.line, header: s.peek() == '['}
	if stmt.header {
		stmt.key = s.header()
	} else {
		stmt.key = s.pair(s.table)
	}
	for s.pos < len(s.text) && s.peek() != '\n' {
		s.pos++
	}
	stmt.end, stmt.lastLine = s.pos, s.line
	s.out.parts = append(s.out.parts, stmt)
}

// header reads [table] or [[table]].
func (s *scanner) header() string {
	s.skip(1)
	array := s.peek() == '['
	if array {
		s.skip(1)
	}
	key := s.key("")
	s.out.order = append(s.out.order, key)
	if array {
		s.sizes[key]++
		key = original.Element(key, s.sizes[key]-1)
		s.note(key)
	}
	s.table = key
	return key
}

// pair reads key = value in a table.
func (s *scanner) pair(table string) string {
	key := s.key(table)
	s.out.order = append(s.out.order, key)
	if s.peek() == '=' {
		s.skip(1)
		s.space(false)
		s.value(key)
	}
	return key
}

// key reads a dotted key. Of an array of tables that it leads through, the last
// table is meant.
func (s *scanner) key(table string) string {
	for parts := 1; s.out.excess == ""; parts++ {
		s.space(false)
		name, ok := s.name()
		if !ok {
			break
		}
		if n := s.sizes[table]; n > 0 {
			table = original.Element(table, n-1)
		}
		table = original.Join(table, name)
		s.limit(parts, maxDepth, "parts in a key")
		s.limit(len(table), maxKeyBytes, "bytes in a key")
		s.note(table)
		s.space(false)
		if s.peek() != '.' {
			break
		}
		s.skip(1)
	}
	return table
}

// name reads one part of a dotted key.
func (s *scanner) name() (string, bool) {
	start := s.pos
	switch s.peek() {
	case '"':
		s.str()
		return unquote(s.text[start:s.pos]), true
	case '\'':
		s.str()
		return strings.Trim(s.text[start:s.pos], "'"), true
	}
	for s.pos < len(s.text) && !strings.ContainsRune(" \t\r\n.=[]{}#,\"'", rune(s.peek())) {
		s.pos++
	}
	return s.text[start:s.pos], s.pos > start
}

// unquote lets the library say what the escapes in a key mean.
func unquote(quoted string) string {
	var v struct{ K string }
	if _, err := toml.Decode("K = "+quoted, &v); err != nil {
		return strings.Trim(quoted, `"`)
	}
	return v.K
}

func (s *scanner) value(key string) {
	switch s.peek() {
	case '"', '\'':
		s.str()
	case '[':
		n := 0
		s.items(']', func() {
			s.element(key, n)
			n++
		})
	case '{':
		s.items('}', func() { s.pair(key) })
	default:
		for s.pos < len(s.text) && !strings.ContainsRune(",]}#\n", rune(s.peek())) {
			s.pos++
		}
	}
}

func (s *scanner) element(array string, n int) {
	key := original.Element(array, n)
	if s.line != s.out.lines[array] {
		s.note(key) // otherwise the array's own line will do
	}
	s.value(key)
}

// items reads what stands between brackets.
func (s *scanner) items(closing byte, item func()) {
	s.depth++
	defer func() { s.depth-- }()
	s.limit(s.depth, maxDepth, "values inside each other")
	s.skip(1)
	for s.space(true); s.pos < len(s.text) && s.out.excess == ""; s.space(true) {
		before := s.pos
		switch s.peek() {
		case closing:
			s.skip(1)
			return
		case ',':
			s.skip(1)
		default:
			item()
		}
		if s.pos == before {
			s.skip(1) // no TOML, and no end either
		}
	}
}

// str skips a string of any of the four kinds.
func (s *scanner) str() {
	quote := s.text[s.pos : s.pos+1]
	long := strings.HasPrefix(s.text[s.pos:], strings.Repeat(quote, 3))
	if long {
		quote = strings.Repeat(quote, 3)
	}
	for s.skip(len(quote)); s.pos < len(s.text); s.skip(1) {
		switch {
		case strings.HasPrefix(s.text[s.pos:], quote):
			s.skip(len(quote))
			for extra := 0; long && extra < 2 && s.peek() == quote[0]; extra++ {
				s.skip(1) // quotes that are the last of the text
			}
			return
		case s.peek() == '\\' && quote[0] == '"':
			s.skip(1)
		case s.peek() == '\n' && !long:
			return
		}
	}
}

// space skips blanks, and on demand also newlines and comments.
func (s *scanner) space(lines bool) {
	for s.pos < len(s.text) {
		switch c := s.peek(); {
		case c == ' ', c == '\t', c == '\r', c == '\n' && lines:
			s.skip(1)
		case c == '#' && lines:
			for s.pos < len(s.text) && s.peek() != '\n' {
				s.pos++
			}
		default:
			return
		}
	}
}

func (s *scanner) note(key string) {
	if s.out.lines[key] == 0 {
		s.out.lines[key] = s.line
	}
}

func (s *scanner) limit(n, most int, of string) {
	if n > most && s.out.excess == "" {
		s.out.excess = fmt.Sprintf("must have at most %d %s", most, of)
	}
}

// peek returns the next byte; 0 at the end.
func (s *scanner) peek() byte {
	if s.pos < len(s.text) {
		return s.text[s.pos]
	}
	return 0
}

func (s *scanner) skip(n int) {
	for ; n > 0 && s.pos < len(s.text); n-- {
		if s.text[s.pos] == '\n' {
			s.line++
		}
		s.pos++
	}
}
