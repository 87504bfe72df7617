package message

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Encode writes a value as Python's json.dumps does: ASCII only, with ", " and ": " between things. The keys of a map are in order, those of an
// Object in their own. It takes what Decode gives, and Go's own integers, floats, lists and maps of them; a json.RawMessage and the text of a *Message are valid JSON already and only lose what is not
// ASCII; anything else goes by the rules of encoding/json, and becomes a string that says so if they refuse it.
func Encode(v any) []byte {
	return appendValue(nil, v)
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case nil:
		return append(b, "null"...)
	case bool:
		return strconv.AppendBool(b, v)
	case Number:
		return append(b, v...)
	case string:
		return appendString(b, v)
	case int:
		return strconv.AppendInt(b, int64(v), 10)
	case int64:
		return strconv.AppendInt(b, v, 10)
	case uint64:
		return strconv.AppendUint(b, v, 10)
	case float64:
		return appendFloat(b, v)
	case []any:
		return appendList(b, v)
	case []string:
		return appendList(b, v)
	case map[string]any:
		return appendObject(b, v)
	case map[string]string:
		return appendObject(b, v)
	case []map[string]any:
		return appendList(b, v)
	case Object:
		return appendOrdered(b, v)
	case *Message:
		return appendASCII(b, v.Body)
	case json.RawMessage:
		return appendASCII(b, v)
	case map[string]json.RawMessage:
		return appendObject(b, v)
	default:
		return appendOther(b, v)
	}
}

func appendList[E any](b []byte, list []E) []byte {
	b = append(b, '[')
	for i, e := range list {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendValue(b, e)
	}
	return append(b, ']')
}

func appendObject[E any](b []byte, object map[string]E) []byte {
	b = append(b, '{')
	for i, key := range slices.Sorted(maps.Keys(object)) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = appendString(b, key)
		b = append(b, ": "...)
		b = appendValue(b, object[key])
	}
	return append(b, '}')
}

// appendOther lets encoding/json do it, and reads the result again for the sake of our own form of it.
func appendOther(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		return appendString(b, fmt.Sprintf("cannot encode %T", v))
	}
	decoded, err := Decode(text)
	if err != nil {
		return appendString(b, fmt.Sprintf("cannot encode %T", v))
	}
	return appendValue(b, decoded)
}

// appendFloat writes a float as Python's repr does: the shortest digits that are read back as the same float, never as an int.
func appendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case f != 0 && (math.Abs(f) < 1e-4 || math.Abs(f) >= 1e16):
		return strconv.AppendFloat(b, f, 'e', -1, 64)
	case f == math.Trunc(f):
		return append(strconv.AppendFloat(b, f, 'f', -1, 64), ".0"...)
	default:
		return strconv.AppendFloat(b, f, 'f', -1, 64)
	}
}

// appendString writes a JSON string; what is neither UTF-8 nor half a surrogate pair becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for {
		n := plainLength(s)
		b = append(b, s[:n]...)
		if s = s[n:]; s == "" {
			return append(b, '"')
		}
		r, n := nextRune(s)
		b = appendEscaped(b, r)
		s = s[n:]
	}
}

// isSpecial tells the bytes of a string that need an escape, or are a part of a character that does.
var isSpecial = func() (special [256]bool) {
	for c := range special {
		special[c] = c < ' ' || c > '~' || c == '"' || c == '\\'
	}
	return special
}()

// plainLength is how much of the start of a text needs no escape.
func plainLength[T string | []byte](s T) int {
	for i := 0; i < len(s); i++ {
		if isSpecial[s[i]] {
			return i
		}
	}
	return len(s)
}

// appendASCII copies JSON text and escapes what is not ASCII, which can only be inside of its strings.
func appendASCII(b, text []byte) []byte {
	if isASCII(text) {
		return append(b, text...)
	}
	for s := string(text); len(s) > 0; {
		n := strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
		if n < 0 {
			return append(b, s...)
		}
		b = append(b, s[:n]...)
		r, width := nextRune(s[n:])
		b = appendEscaped(b, r)
		s = s[n+width:]
	}
	return b
}

func isASCII(text []byte) bool {
	for ; len(text) >= 8; text = text[8:] {
		if binary.LittleEndian.Uint64(text)&0x8080808080808080 != 0 {
			return false
		}
	}
	for _, c := range text {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// appendEscaped writes one character of a string as Python does where it is not plain.
func appendEscaped(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	}
	if r >= 0x10000 {
		r -= 0x10000
		return appendHex(appendHex(b, 0xD800+r>>10), 0xDC00+r&0x3FF)
	}
	return appendHex(b, r)
}

func appendHex(b []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', digits[r>>12&0xF], digits[r>>8&0xF], digits[r>>4&0xF], digits[r&0xF])
}

// appendMember writes a key and a string.
func appendMember(b []byte, key, value string) []byte {
	b = appendString(b, key)
	b = append(b, ": "...)
	return appendString(b, value)
}
