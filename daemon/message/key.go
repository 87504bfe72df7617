package message

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"sync"
)

// Key identifies what a task does: two keys are equal when task, args and kwargs are equal in Python. So 1, 1.0 and true are the same, the order
// of an object's keys is nothing, an absent value is null but not [], and NaN equals nothing, itself included.
type Key [16]byte

// endMark ends texts of any length in the canonical form; it is in no UTF-8, generalised or not.
const endMark = 0xFF

// foldAbove is the size from which the canonical form of an object is replaced by its hash, so that putting members in order does not
// move the same bytes again on every level of a deep nesting.
const foldAbove = 256

// scratch holds room for canonical forms, up to keptScratch bytes each.
var scratch = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

const keptScratch = 64 << 10

// keyOf hashes the canonical form of three JSON values, nil for an absent one.
func keyOf(task, args, kwargs []byte) Key {
	room := scratch.Get().(*[]byte)
	b := (*room)[:0]
	for _, raw := range [3][]byte{task, args, kwargs} {
		if raw == nil {
			b = append(b, 'n')
			continue
		}
		b, _ = appendCanonical(b, raw, 0)
	}
	sum := sha256.Sum256(b)
	if cap(b) <= keptScratch {
		*room = b
	}
	scratch.Put(room)
	return Key(sum[:len(Key{})])
}

// ValueKey is equal for JSON values that Python calls equal. The text must be one that Decode accepts, as every part of a Message is.
func ValueKey(value []byte) Key { return keyOf(nil, trimSpace(value), nil) }

// appendCanonical adds the value at i in a form that is the same for equal values, and that no other form is a beginning of. The text is one that
// skipValue has accepted.
func appendCanonical(b, text []byte, i int) ([]byte, int) {
	switch text[i] {
	case '"':
		end := stringEnd(text, i)
		return appendCanonicalString(b, text[i:end]), end
	case '{':
		return appendCanonicalObject(b, text, i)
	case '[':
		b = append(b, '[')
		for i = skipSpace(text, i+1); text[i] != ']'; i = skipSeparator(text, i) {
			b, i = appendCanonical(b, text, i)
		}
		return append(b, ']'), i + 1
	case 'n':
		return append(b, 'n'), i + len("null")
	case 't':
		return append(b, 'i', '1', endMark), i + len("true")
	case 'f':
		return append(b, 'i', '0', endMark), i + len("false")
	default:
		end := numberEnd(text, i)
		return appendCanonicalNumber(b, text[i:end]), end
	}
}

func appendCanonicalString(b, raw []byte) []byte {
	b = append(b, '"')
	b = appendUnescaped(b, raw[1:len(raw)-1])
	return append(b, endMark)
}

// appendCanonicalNumber writes whole numbers as their digits, whether they came as int or float, and other numbers as the bits of
// the float. No number is ever built from an exponent: as a float it has 309 digits at most.
func appendCanonicalNumber(b, raw []byte) []byte {
	if isInt(raw) {
		if string(raw) == "-0" {
			raw = raw[1:]
		}
		b = append(b, 'i')
		b = append(b, raw...)
		return append(b, endMark)
	}
	f := floatOf(raw)
	switch {
	case math.IsNaN(f):
		var nonce [16]byte
		rand.Read(nonce[:]) // never fails, see crypto/rand
		return append(append(b, 'N'), nonce[:]...)
	case f != math.Trunc(f), math.IsInf(f, 0):
		return binary.BigEndian.AppendUint64(append(b, 'f'), math.Float64bits(f))
	case math.Abs(f) < 1<<53:
		return append(strconv.AppendInt(append(b, 'i'), int64(f), 10), endMark)
	default:
		return append(strconv.AppendFloat(append(b, 'i'), f, 'f', 0, 64), endMark)
	}
}

// member is where the canonical form of one member of an object is: the key from start to keyEnd, its value up to end.
type member struct{ start, keyEnd, end int }

// appendCanonicalObject writes the members in the order of their keys, of equal keys only the last one.
func appendCanonicalObject(b, text []byte, i int) ([]byte, int) {
	b = append(b, '{')
	start := len(b)
	var few [8]member
	all, ordered := few[:0], true
	for i = skipSpace(text, i+1); text[i] != '}'; i = skipSeparator(text, i) {
		m := member{start: len(b)}
		end := stringEnd(text, i)
		b = appendCanonicalString(b, text[i:end])
		m.keyEnd = len(b)
		b, i = appendCanonical(b, text, skipColon(text, end))
		m.end = len(b)
		if n := len(all); n > 0 && bytes.Compare(b[all[n-1].start:all[n-1].keyEnd], b[m.start:m.keyEnd]) >= 0 {
			ordered = false
		}
		all = append(all, m)
	}
	if !ordered {
		b = orderMembers(b, start, all)
	}
	if len(b)-start > foldAbove {
		sum := sha256.Sum256(b[start:])
		return append(append(b[:start-1], 'D'), sum[:]...), i + 1
	}
	return append(b, '}'), i + 1
}

func orderMembers(b []byte, start int, all []member) []byte {
	key := func(m member) []byte { return b[m.start:m.keyEnd] }
	slices.SortFunc(all, func(x, y member) int {
		if c := bytes.Compare(key(x), key(y)); c != 0 {
			return c
		}
		return x.start - y.start
	})
	moved := make([]byte, 0, len(b)-start)
	for n, m := range all {
		if n+1 < len(all) && bytes.Equal(key(m), key(all[n+1])) {
			continue
		}
		moved = append(moved, b[m.start:m.end]...)
	}
	return append(b[:start], moved...)
}
