package message

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// minBudget is what a chunk has to have room for: the longest escape of one character.
const minBudget = len(`\ud83d\ude00`)

// Split cuts the JSON text of a message into chunks of at most maxBytes bytes each, envelope included. A text that fits is returned as it is; maxBytes 0
// is no limit. The number of chunks is reckoned with the text's length, so that they come out a few bytes shorter than they might be.
func Split(text []byte, maxBytes int) ([][]byte, error) {
	pieces, err := Cut(text, maxBytes)
	if err != nil {
		return nil, err
	}
	if pieces.id == "" {
		return [][]byte{text}, nil
	}
	chunks := make([][]byte, pieces.Len())
	for i := range chunks {
		chunks[i] = pieces.Append(make([]byte, 0, maxBytes), i)
	}
	return chunks, nil
}

// Pieces is a text as Split cuts it, of which one chunk after the other can be written.
type Pieces struct {
	id    string // "" when the text fits and is no chunk
	parts [][]byte
}

// Cut is Split for those who do not need all chunks at once. The text must stay as it is.
func Cut(text []byte, maxBytes int) (Pieces, error) {
	if maxBytes == 0 || len(text) <= maxBytes {
		return Pieces{parts: [][]byte{text}}, nil
	}
	if !utf8.Valid(text) {
		return Pieces{}, errors.New("split a message: text is not UTF-8")
	}
	id := newMessageID()
	overhead := len(appendChunk(nil, id, len(text), len(text), nil))
	budget := maxBytes - overhead
	if budget < minBudget {
		return Pieces{}, fmt.Errorf("split a message: a limit of %d bytes leaves %d for its text, at least %d are needed", maxBytes, budget, minBudget)
	}
	return Pieces{id: id, parts: cut(text, budget)}, nil
}

// Len is the number of chunks.
func (p Pieces) Len() int { return len(p.parts) }

// Append adds the chunk of that number, the first of which is 0.
func (p Pieces) Append(b []byte, i int) []byte {
	if p.id == "" {
		return append(b, p.parts[i]...)
	}
	return appendChunk(b, p.id, i, len(p.parts), p.parts[i])
}

// newMessageID is a random (version 4) UUID without dashes.
func newMessageID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails, see crypto/rand
	b[6] = b[6]&0x0F | 0x40
	b[8] = b[8]&0x3F | 0x80
	return hex.EncodeToString(b[:])
}

// cut fills one part after the other with whole characters, up to the budget of escaped bytes.
func cut(text []byte, budget int) [][]byte {
	var parts [][]byte
	start, used := 0, 0
	for i := 0; i < len(text); {
		if n := plainLength(text[i : i+min(budget-used, len(text)-i)]); n > 0 {
			used += n
			i += n
			continue
		}
		r, n := utf8.DecodeRune(text[i:])
		cost := escapedLength(r)
		if used+cost > budget {
			parts = append(parts, text[start:i])
			start, used = i, 0
		}
		used += cost
		i += n
	}
	return append(parts, text[start:])
}

// escapedLength is the number of bytes a character takes in an envelope.
func escapedLength(r rune) int {
	switch {
	case r == '"', r == '\\', r == '\n', r == '\r', r == '\t', r == '\b', r == '\f':
		return 2
	case r >= 0x10000:
		return 12
	case r < ' ', r > '~': // DEL as well
		return 6
	default:
		return 1
	}
}

// appendChunk writes an envelope, in the order of keys and without the spaces in which Python's side writes it.
func appendChunk(b []byte, id string, index, total int, part []byte) []byte {
	b = append(b, `{"`+chunkMarker+`":"`+chunkVersion+`","message_id":"`...)
	b = append(b, id...)
	b = append(b, `","index":`...)
	b = strconv.AppendInt(b, int64(index), 10)
	b = append(b, `,"total":`...)
	b = strconv.AppendInt(b, int64(total), 10)
	b = append(b, `,"payload":"`...)
	for {
		n := plainLength(part)
		b = append(b, part[:n]...)
		if part = part[n:]; len(part) == 0 {
			return append(b, `"}`...)
		}
		r, n := utf8.DecodeRune(part)
		b = appendEscaped(b, r)
		part = part[n:]
	}
}
