// Package message is the wire format: it parses task and control messages, and splits and joins chunked ones.
//
// Text is read as Python's json module reads it, not as encoding/json does, because the senders and the workers are
// Python: NaN and Infinity are values, the last of several equal keys wins, keys match by exact case, integers may have
// any length, and half of a surrogate pair is a character. Such a half is kept in Go strings as its three bytes of
// generalised UTF-8 ("WTF-8").
package message

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"time"
	"unicode/utf8"
)

// OnDuplicate says what becomes of a task while the same task (equal Key) is queued or running.
type OnDuplicate string

// The duplicate policies. Any other text is kept as it was sent.
const (
	Parallel OnDuplicate = "parallel"  // run it all the same
	Serial   OnDuplicate = "serial"    // run it after the other
	Discard  OnDuplicate = "discard"   // drop it
	QueueOne OnDuplicate = "queue_one" // let one wait, drop the rest
)

// Message is one task or control request. As many of them may wait in the queue, it is small: what most messages have is said here or found in Body when
// it is asked for, and what few of them have is in extras. Nothing that is a part of Body may be modified.
type Message struct {
	Body      []byte        // text of the JSON object, without whitespace around it; it is what the worker gets
	Task      string        // "" when absent or not a string
	Timeout   time.Duration // 0 = none; a negative timeout is over at once: 1 ns
	Published float64       // time_pub in Unix seconds; 0 when absent or not a finite number
	Key       Key           // identity for duplicates
	Bare      bool          // the payload was not JSON and became the task's name
	IsControl bool          // the key "control" is there, whatever its value

	at     places
	extras *extras // nil when there are none
}

// places says where in Body the values are that are found there.
type places struct {
	known                             bool // the rest has been filled in
	uuidRepeated, channelRepeated     bool // it is there more than once
	task, args, kwargs, uuid, channel span
}

// Parse reads one payload, of which it keeps a copy. Text that is not JSON becomes a task of that name, unless it begins as JSON does: broken
// JSON would be a name that is logged, with the arguments in it. That, JSON that is not an object, text that is not UTF-8, nesting deeper
// than 1000 and an unusable timeout or delay are errors. No error contains a value.
func Parse(payload []byte) (*Message, error) {
	if !utf8.Valid(payload) {
		return nil, errors.New("message is not UTF-8")
	}
	body := trimSpace(payload)
	fields, err := indexFields(body)
	switch {
	case err == nil:
		return fromObject(bytes.Clone(body), &fields)
	case errors.Is(err, errSyntax) && !beginsAsJSON(body):
		return fromText(string(payload))
	default:
		return nil, err
	}
}

// beginsAsJSON says whether text is an attempt at an object, an array or a string.
func beginsAsJSON(text []byte) bool {
	return len(text) > 0 && bytes.IndexByte([]byte(`{["`), text[0]) >= 0
}

// fromText makes the message for a payload that is a bare task name.
func fromText(text string) (*Message, error) {
	body := appendMember([]byte{'{'}, "task", text)
	body = append(body, '}')
	fields, err := indexFields(body)
	if err != nil {
		return nil, fmt.Errorf("wrap a bare task name: %w", err)
	}
	m, err := fromObject(body, &fields)
	if err != nil {
		return nil, err
	}
	m.Bare = true
	return m, nil
}

func fromObject(body []byte, fields *fieldIndex) (*Message, error) {
	m := &Message{Body: body}
	raw := func(f field) []byte { return fields.at[f].of(body) }

	var err error
	if m.Timeout, err = timeoutOf(raw(fieldTimeout)); err != nil {
		return nil, err
	}
	e := extras{onDuplicate: onDuplicateOf(raw(fieldOnDuplicate)), replyTo: replyToOf(raw(fieldReplyTo))}
	if e.delay, err = delayOf(raw(fieldDelay)); err != nil {
		return nil, err
	}
	task := raw(fieldTask)
	m.Task = nameOf(task)
	m.Published = publishedOf(raw(fieldPublished))
	if control := raw(fieldControl); control != nil {
		m.IsControl = true
		e.control = stringOr(control, "")
		e.wait = string(raw(fieldWait)) == "true"
	}
	if e != plain {
		m.extras = &e
	}
	m.place(fields)
	m.Key = keyOf(task, m.Args(), m.Kwargs())
	return m, nil
}

// place takes over where things are in Body.
func (m *Message) place(fields *fieldIndex) {
	m.at = places{
		task:            fields.at[fieldTask],
		args:            fields.at[fieldArgs],
		kwargs:          fields.at[fieldKwargs],
		uuid:            fields.at[fieldUUID],
		channel:         fields.at[fieldChannel],
		uuidRepeated:    fields.repeated[fieldUUID],
		channelRepeated: fields.repeated[fieldChannel],
		known:           true,
	}
	if e := m.rest(); fields.at[fieldControlData] != e.data || fields.at[fieldLimits] != e.limits {
		m.change(func(e *extras) { e.data, e.limits = fields.at[fieldControlData], fields.at[fieldLimits] })
	}
}

// labelOf is how a value that should be a string is shown: a string as its value, anything else as its JSON text.
func labelOf(raw []byte) string {
	if len(raw) > 0 && raw[0] == '"' {
		return unquote(raw)
	}
	return string(raw)
}

// stringOr is the value of a JSON string, and otherwise the other text.
func stringOr(raw []byte, other string) string {
	if len(raw) == 0 || raw[0] != '"' {
		return other
	}
	return unquote(raw)
}

func onDuplicateOf(raw []byte) OnDuplicate {
	if raw == nil {
		return Parallel
	}
	return OnDuplicate(stringOr(raw, kindOf(raw)))
}

func replyToOf(raw []byte) string {
	switch {
	case raw == nil, isFalsy(raw):
		return ""
	default:
		return stringOr(raw, "true")
	}
}

func publishedOf(raw []byte) float64 {
	if raw == nil || kindOf(raw) != kindNumber {
		return 0
	}
	f := floatOf(raw)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return f
}
