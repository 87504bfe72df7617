package message

import (
	"bytes"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// The envelope of a chunk is an object with these keys. Its payload is a part of the text of the message.
const (
	chunkMarker  = "__dispatcherd_chunk__"
	chunkVersion = "v1"
)

// chunk is one part of a message that was too long for its transport.
type chunk struct {
	id           string
	index, total int
	payload      string
}

// mayBeChunk is quick and wrong only in one direction: a key of the marker's value contains the marker, or an escape for one of its characters.
func mayBeChunk(payload []byte) bool {
	return bytes.Contains(payload, []byte(chunkMarker)) || bytes.Contains(payload, []byte(`\u00`))
}

// readChunk is false for anything that is no object with the marker; an error means an envelope that cannot be used.
func readChunk(payload []byte) (c chunk, ok bool, err error) {
	if !mayBeChunk(payload) || !utf8.Valid(payload) {
		return c, false, nil
	}
	text := trimSpace(payload)
	if len(text) == 0 || text[0] != '{' {
		return c, false, nil
	}
	var version, id, index, total, part []byte
	it := membersOf(text, 0, 1)
	for it.next() {
		value := it.value.of(text)
		switch string(it.name()) {
		case chunkMarker:
			version = value
		case "message_id":
			id = value
		case "index":
			index = value
		case "total":
			total = value
		case "payload":
			part = value
		}
	}
	if it.err != nil || it.pos < len(text) || version == nil {
		return c, false, nil
	}
	c, err = newChunk(version, id, index, total, part)
	return c, true, err
}

func newChunk(version, id, index, total, part []byte) (c chunk, err error) {
	if stringOr(version, "") != chunkVersion {
		return c, fmt.Errorf("chunk: %s must be %q", chunkMarker, chunkVersion)
	}
	if c.id, err = chunkText("message_id", id); err != nil {
		return c, err
	}
	if c.index, err = chunkInt("index", index); err != nil {
		return c, err
	}
	if c.total, err = chunkInt("total", total); err != nil {
		return c, err
	}
	if part != nil {
		c.payload, err = chunkText("payload", part)
	}
	return c, err
}

func chunkText(key string, raw []byte) (string, error) {
	if raw == nil || raw[0] != '"' {
		return "", fmt.Errorf("chunk: %s must be a string, got %s", key, kindOrNothing(raw))
	}
	return unquote(raw), nil
}

// chunkInt reads an integer, which true and false are in Python, and 1.0 is not.
func chunkInt(key string, raw []byte) (int, error) {
	switch string(raw) {
	case "true":
		return 1, nil
	case "false":
		return 0, nil
	}
	if n, err := strconv.Atoi(string(raw)); err == nil {
		return n, nil
	}
	return 0, fmt.Errorf("chunk: %s must be an integer of at most 64 bits, got %s", key, kindOrNothing(raw))
}

func kindOrNothing(raw []byte) string {
	if raw == nil {
		return "nothing"
	}
	return kindOf(raw)
}
