package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxSyntaxErrors bounds how often a text is read again.
const maxSyntaxErrors = 20

// parseTOML returns the values of a text and where they stand. The library stops at
// the first error. Where that is confined to one line with a key, the rest is
// looked at without it, so that one call finds more than one error; otherwise
// nothing behind it has a sure meaning, and there are no values.
func parseTOML(file string, text []byte) (map[string]any, outline, Problems) {
	at := scan(string(text))
	if at.excess != "" {
		last := at.parts[len(at.parts)-1]
		return nil, at, Problems{{File: file, Line: last.firstLine, Want: at.excess}}
	}
	var problems Problems
	text = bytes.Clone(text)
	for len(problems) < maxSyntaxErrors {
		var values map[string]any
		_, err := toml.Decode(string(text), &values)
		if err == nil {
			return values, at, problems
		}
		var wrong toml.ParseError
		if !errors.As(err, &wrong) {
			return nil, at, append(problems, Problem{File: file, Want: "must be TOML: " + err.Error()})
		}
		line := lineOf(text, wrong)
		stmt, found := at.on(line)
		problems = append(problems, syntaxProblem(file, line, at, stmt, wrong))
		if !found || !stmt.confined() || text[stmt.start] == ' ' {
			break
		}
		for i := stmt.start; i < stmt.end; i++ {
			text[i] = ' '
		}
	}
	return nil, at, problems
}

// confined reports whether the text can be read without this statement. Behind
// a secret, the rest of it could be taken for a key and shown.
func (s statement) confined() bool {
	return !s.header && s.firstLine == s.lastLine && !secret(s.key)
}

// lineOf returns the line of an error. The library's own number is that of the
// next line where a newline is what is wrong.
func lineOf(text []byte, wrong toml.ParseError) int {
	start := min(max(wrong.Position.Start, 0), len(text))
	return 1 + bytes.Count(text[:start], []byte("\n"))
}

func syntaxProblem(file string, line int, at outline, stmt statement, wrong toml.ParseError) Problem {
	p := Problem{File: file, Line: line, Key: stmt.key, Want: "must be valid TOML"}
	if first := at.line(stmt.key); first > 0 && first < p.Line && strings.Contains(wrong.Message, "already") {
		p.Want = fmt.Sprintf("must be given once, and is there in line %d", first)
		return p
	}
	// The library quotes the text. What belongs to no known key could be
	// anything, a misplaced password for one.
	if stmt.header || known(stmt.key) && !secret(stmt.key) {
		p.Want += ": " + strings.TrimSuffix(wrong.Message, ".")
	}
	return p
}

var secrets = regexp.MustCompile(`(^|\.)(conninfo|env|args|kwargs|message)($|[.\[])`)

// secret reports whether the value of a key must not be shown.
func secret(key string) bool { return secrets.MatchString(key) }
