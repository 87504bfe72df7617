package message

import (
	"bytes"
	"errors"
	"fmt"
)

// maxDepth is how deep lists and objects may be nested; Python's own parser gives up at about the same depth.
const maxDepth = 1000

var (
	errSyntax    = errors.New("not JSON")
	errTooDeep   = fmt.Errorf("JSON is nested more than %d deep", maxDepth)
	errTooLong   = errors.New("JSON is longer than 4 GiB")
	errNotObject = errors.New("JSON is not an object")
)

// span is a part of a text. No value of an object starts at 0, so the zero span means that there is none.
// Its numbers are small for the sake of the many messages that may wait; no text is longer.
type span struct{ start, end uint32 }

func spanOf(start, end int) span { return span{uint32(start), uint32(end)} }

func (s span) exists() bool { return s.end > 0 }

func (s span) of(text []byte) []byte {
	if !s.exists() {
		return nil
	}
	return text[s.start:s.end:s.end]
}

func expected(what string, at int) error {
	return fmt.Errorf("%w: expected %s at byte %d", errSyntax, what, at)
}

// isSpace knows JSON's four kinds of whitespace.
func isSpace(c byte) bool {
	return c == ' ' || c == '\n' || c == '\r' || c == '\t'
}

func skipSpace(text []byte, i int) int {
	for i < len(text) && isSpace(text[i]) {
		i++
	}
	return i
}

func trimSpace(text []byte) []byte {
	text = text[skipSpace(text, 0):]
	for len(text) > 0 && isSpace(text[len(text)-1]) {
		text = text[:len(text)-1]
	}
	return text
}

// skipDocument checks that the text is one JSON value with nothing but whitespace around it.
func skipDocument(text []byte) error {
	end, err := skipValue(text, skipSpace(text, 0), 0)
	if err != nil {
		return err
	}
	if end = skipSpace(text, end); end < len(text) {
		return expected("the end", end)
	}
	return nil
}

// skipValue checks the value that starts at i and returns the position after it. Everything that walks over text after this relies on its
// verdict.
func skipValue(text []byte, i, depth int) (int, error) {
	if i >= len(text) {
		return i, expected("a value", i)
	}
	switch c := text[i]; c {
	case '"':
		return skipString(text, i)
	case '{':
		return skipObject(text, i, depth+1)
	case '[':
		return skipList(text, i, depth+1)
	case 'n':
		return skipWord(text, i, "null")
	case 't':
		return skipWord(text, i, "true")
	case 'f':
		return skipWord(text, i, "false")
	case 'N':
		return skipWord(text, i, "NaN")
	case 'I':
		return skipWord(text, i, "Infinity")
	default:
		return skipNumber(text, i)
	}
}

func skipWord(text []byte, i int, word string) (int, error) {
	end := i + len(word)
	if end > len(text) || string(text[i:end]) != word {
		return i, expected("a value", i)
	}
	return end, nil
}

// skipNumber takes -Infinity or a number: no leading zero, plus sign, bare point or bare exponent.
func skipNumber(text []byte, i int) (int, error) {
	start := i
	if text[i] == '-' {
		i++
		if i < len(text) && text[i] == 'I' {
			return skipWord(text, i, "Infinity")
		}
	}
	switch {
	case i < len(text) && text[i] == '0':
		i++
	case skipDigits(text, i) > i:
		i = skipDigits(text, i)
	default:
		return start, expected("a value", start)
	}
	if i < len(text) && text[i] == '.' {
		end := skipDigits(text, i+1)
		if end == i+1 {
			return i, expected("a digit", end)
		}
		i = end
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		i++
		if i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		end := skipDigits(text, i)
		if end == i {
			return i, expected("a digit", end)
		}
		i = end
	}
	return i, nil
}

func skipDigits(text []byte, i int) int {
	for i < len(text) && '0' <= text[i] && text[i] <= '9' {
		i++
	}
	return i
}

// skipString takes a string including its quotes; control characters have to be escaped in it.
func skipString(text []byte, i int) (int, error) {
	for i++; i < len(text); i++ {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		switch c {
		case '"':
			return i + 1, nil
		case '\\':
			n := escapeLength(text[i:])
			if n == 0 {
				return i, expected("an escape", i)
			}
			i += n - 1
		default:
			return i, expected("no control character", i)
		}
	}
	return i, expected("the end of a string", i)
}

// escapeLength is the number of bytes of the escape at the start of the text, 0 if it is not one.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(text[2:]); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads four hexadecimal digits.
func hex4(text []byte) (r rune, ok bool) {
	if len(text) < 4 {
		return 0, false
	}
	for _, c := range text[:4] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

func skipList(text []byte, i, depth int) (int, error) {
	if depth > maxDepth {
		return i, errTooDeep
	}
	i = skipSpace(text, i+1)
	if i < len(text) && text[i] == ']' {
		return i + 1, nil
	}
	for {
		end, err := skipValue(text, i, depth)
		if err != nil {
			return i, err
		}
		i = skipSpace(text, end)
		switch {
		case i < len(text) && text[i] == ',':
			i = skipSpace(text, i+1)
		case i < len(text) && text[i] == ']':
			return i + 1, nil
		default:
			return i, expected("',' or ']'", i)
		}
	}
}

func skipObject(text []byte, i, depth int) (int, error) {
	if depth > maxDepth {
		return i, errTooDeep
	}
	it := membersOf(text, i, depth)
	for it.next() {
	}
	return it.pos, it.err
}

// members walks over the members of one object and checks them on the way.
type members struct {
	text  []byte
	pos   int // before the first member, after one, or in the end after the object
	depth int
	first bool

	key, value span // of the current member; key includes the quotes
	err        error
}

// membersOf starts at the opening brace at i.
func membersOf(text []byte, i, depth int) members {
	return members{text: text, pos: i + 1, depth: depth, first: true}
}

// next goes to the next member. After the last one, and after an error, it is false.
func (m *members) next() bool {
	i := skipSpace(m.text, m.pos)
	if i < len(m.text) && m.text[i] == '}' {
		m.pos = i + 1
		return false
	}
	if !m.first {
		if i >= len(m.text) || m.text[i] != ',' {
			return m.fail(expected("',' or '}'", i))
		}
		i = skipSpace(m.text, i+1)
	}
	m.first = false
	if i >= len(m.text) || m.text[i] != '"' {
		return m.fail(expected("a key", i))
	}
	end, err := skipString(m.text, i)
	if err != nil {
		return m.fail(err)
	}
	m.key = spanOf(i, end)
	i = skipSpace(m.text, end)
	if i >= len(m.text) || m.text[i] != ':' {
		return m.fail(expected("':'", i))
	}
	i = skipSpace(m.text, i+1)
	if end, err = skipValue(m.text, i, m.depth); err != nil {
		return m.fail(err)
	}
	m.value = spanOf(i, end)
	m.pos = end
	return true
}

func (m *members) fail(err error) bool {
	m.err = err
	return false
}

// name is the current key as the bytes of its value; they are part of the text where the key has no escapes.
func (m *members) name() []byte {
	inner := m.text[m.key.start+1 : m.key.end-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	return appendUnescaped(nil, inner)
}
