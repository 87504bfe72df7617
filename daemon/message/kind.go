package message

import "strconv"

// What an error calls a value: its kind, for values may be secrets.
const (
	kindNull   = "null"
	kindBool   = "a bool"
	kindNumber = "a number"
	kindString = "a string"
	kindList   = "a list"
	kindObject = "an object"
)

func kindOf(raw []byte) string {
	switch raw[0] {
	case 'n':
		return kindNull
	case 't', 'f':
		return kindBool
	case '"':
		return kindString
	case '[':
		return kindList
	case '{':
		return kindObject
	default:
		return kindNumber
	}
}

// isFalsy is Python's idea of it: null, false, zero and what is empty.
func isFalsy(raw []byte) bool {
	switch kindOf(raw) {
	case kindNull:
		return true
	case kindBool:
		return raw[0] == 'f'
	case kindString:
		return len(raw) == len(`""`)
	case kindNumber:
		return floatOf(raw) == 0
	default:
		first := raw[skipSpace(raw, 1)]
		return first == ']' || first == '}'
	}
}

// floatOf is the value of a number as Python's float has it: 1e400 is infinite.
func floatOf(raw []byte) float64 {
	f, _ := strconv.ParseFloat(string(raw), 64) // out of range gives the infinity, which is meant; the grammar has been checked
	return f
}

// isInt tells an int from a float, which has a point or an exponent, or is NaN or infinite.
func isInt(raw []byte) bool {
	for _, c := range raw {
		if (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}
