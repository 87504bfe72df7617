package message

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// Number is the exact text of a JSON number, or NaN, Infinity or -Infinity.
type Number string

// MarshalJSON is for encoding/json, which has no text for NaN and the infinities.
func (n Number) MarshalJSON() ([]byte, error) {
	return []byte(n), nil
}

// Decode reads any JSON text as Python's json.loads does. Values are nil, bool, Number, string, []any and map[string]any. Half a
// surrogate pair stays in its string as three bytes that are not valid UTF-8. The error tells where the text is wrong, but not what it contains.
func Decode(text []byte) (any, error) {
	if !utf8.Valid(text) {
		return nil, errors.New("text is not UTF-8")
	}
	if err := skipDocument(text); err != nil {
		return nil, err
	}
	v, _ := decodeValue(text, skipSpace(text, 0))
	return v, nil
}

// decodeValue, like all decode functions, is for text that skipValue has accepted.
func decodeValue(text []byte, i int) (any, int) {
	switch text[i] {
	case '"':
		end := stringEnd(text, i)
		return unquote(text[i:end]), end
	case '{':
		return decodeObject(text, i)
	case '[':
		return decodeList(text, i)
	case 'n':
		return nil, i + len("null")
	case 't':
		return true, i + len("true")
	case 'f':
		return false, i + len("false")
	default:
		end := numberEnd(text, i)
		return Number(text[i:end]), end
	}
}

func decodeList(text []byte, i int) (any, int) {
	list := []any{}
	for i = skipSpace(text, i+1); text[i] != ']'; i = skipSeparator(text, i) {
		var v any
		v, i = decodeValue(text, i)
		list = append(list, v)
	}
	return list, i + 1
}

func decodeObject(text []byte, i int) (any, int) {
	object := map[string]any{}
	for i = skipSpace(text, i+1); text[i] != '}'; i = skipSeparator(text, i) {
		end := stringEnd(text, i)
		key := unquote(text[i:end])
		object[key], i = decodeValue(text, skipColon(text, end))
	}
	return object, i + 1
}

// skipSeparator goes on to the next item or to the closing bracket.
func skipSeparator(text []byte, i int) int {
	i = skipSpace(text, i)
	if text[i] == ',' {
		i = skipSpace(text, i+1)
	}
	return i
}

// skipColon goes from the end of a key to its value.
func skipColon(text []byte, i int) int {
	return skipSpace(text, skipSpace(text, i)+1)
}

// stringEnd is the position after the string that starts at i.
func stringEnd(text []byte, i int) int {
	for i++; text[i] != '"'; i++ {
		if text[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// numberEnd is the position after the number, NaN or infinity that starts at i.
func numberEnd(text []byte, i int) int {
	for i < len(text) {
		switch text[i] {
		case ' ', '\n', '\r', '\t', ',', ']', '}':
			return i
		}
		i++
	}
	return i
}

// unquote is the value of a string with its quotes.
func unquote(raw []byte) string {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return string(inner)
	}
	return string(appendUnescaped(make([]byte, 0, len(inner)), inner))
}

// appendUnescaped adds the value of a string without its quotes.
func appendUnescaped(b, inner []byte) []byte {
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			return append(b, inner...)
		}
		b = append(b, inner[:i]...)
		if inner[i+1] == 'u' {
			r, n := unescapeRune(inner[i:])
			b = appendRune(b, r)
			inner = inner[i+n:]
			continue
		}
		b = append(b, unescapeByte(inner[i+1]))
		inner = inner[i+2:]
	}
}

func unescapeByte(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	default:
		return c
	}
}
