package original

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parse returns the one document of a text.
func parse(text []byte) (*yaml.Node, *Remark) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, &Remark{Text: "must be a mapping that begins with version: 2", Got: "nothing"}
	case err != nil:
		return nil, syntaxProblem(err, text)
	}
	var next yaml.Node
	switch err := decoder.Decode(&next); {
	case errors.Is(err, io.EOF):
		return &document, nil
	case err != nil:
		return nil, syntaxProblem(err, text)
	}
	return nil, &Remark{Line: next.Line, Text: "must be one document", Got: "another one behind ---"}
}

// reached returns the line up to which the library reads a text with an error in it. Its
// own line of an error is often that where the mapping around it begins. It looks a few
// letters ahead, for which each line gets blanks that mean nothing here.
func reached(text []byte) int {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	lines := &lineReader{rest: bytes.ReplaceAll(text, []byte("\n"), []byte("        \n"))}
	decoder := yaml.NewDecoder(lines)
	for {
		if err := decoder.Decode(new(yaml.Node)); err != nil {
			return lines.read
		}
	}
}

// lineReader gives away one line at a time, and so knows how many were asked for.
type lineReader struct {
	rest []byte
	read int // lines that were read, or begun
	mid  bool
}

// Read returns one line at most.
func (r *lineReader) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		return 0, io.EOF
	}
	line := r.rest
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i+1]
	}
	if !r.mid {
		r.read++
	}
	n := copy(p, line)
	r.rest, r.mid = r.rest[n:], n < len(line)
	return n, nil
}

var placed = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntaxProblem says what the library did not like, in words of our own: its texts can
// quote the file, and what it could not read may be a password.
func syntaxProblem(err error, text []byte) *Remark {
	read := reached(text)
	m := placed.FindStringSubmatch(err.Error())
	if m == nil {
		return &Remark{Line: read, Text: "must be valid YAML"}
	}
	line, _ := strconv.Atoi(m[1]) // none is 0
	want := "must be valid YAML"
	for _, s := range syntaxErrors {
		if strings.HasPrefix(m[2], s.theirs) {
			want = s.ours
			if s.here {
				line = 0
			}
			break
		}
	}
	if line == 0 {
		line = read
	}
	for _, l := range []int{line, read} {
		if strings.Contains(indent(text, l), "\t") {
			return &Remark{Line: l, Text: "must be indented with blanks", Got: "a tab"}
		}
	}
	return &Remark{Line: line, Text: want}
}

// indent returns what a line begins with before its first letter.
func indent(text []byte, line int) string {
	lines := bytes.SplitN(text, []byte("\n"), line+1)
	if line < 1 || line > len(lines) {
		return ""
	}
	l := lines[line-1]
	return string(l[:len(l)-len(bytes.TrimLeft(l, " \t"))])
}

// syntaxErrors are the beginnings of the library's messages, and what we say instead.
// Where here is set, the error is in the line that was read last.
var syntaxErrors = []struct {
	theirs string
	here   bool
	ours   string
}{
	{"did not find expected ',' or", true, "must have a comma between this and what is before it, or a bracket is not closed"},
	{"did not find expected key", true, "must be indented as the key that it belongs to or stands beside, and not be text behind a quoted value"},
	{"did not find expected '-'", true, "must be an entry of the list that it stands in, with a - in front, or be indented less"},
	{"did not find expected node content", true, "must have a value here, or a bracket is not closed"},
	{"did not find expected <document start>", true, "must be one mapping: this stands beside it"},
	{"mapping values are not allowed", false, "must be quoted where a value holds \": \", and have its keys on lines of their own, indented alike"},
	{"could not find expected ':'", false, "must be a key with a : and a value"},
	{"found unexpected end of stream", false, "must have a quote at its end"},
	{"found unknown escape character", false, `must have no \ before this letter in "...": write it twice, or use '...'`},
	{"block sequence entries are not allowed", false, "must have its - entries on lines of their own"},
	{"found character that cannot start any token", false, "must be quoted where a value begins with @, ` or %"},
	{"found a tab character", false, "must be indented with blanks"},
	{"control characters are not allowed", true, "must have no control characters"},
	{"unknown anchor", true, "must name an anchor (&name) that stands before its use (*name)"},
	{"exceeded max depth", true, "must have at most 64 values inside each other"},
	{"found undefined tag handle", true, "must do without tags other than those of JSON's types"},
}
