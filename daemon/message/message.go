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

// Message is one task or control request. Args, Kwargs, Limits and ControlData are parts of Body: none of the five may be modified.
type Message struct {
	Body        []byte        // text of the JSON object, without whitespace around it; it is what the worker gets
	Bare        bool          // the payload was not JSON and became the task's name
	Task        string        // "" when absent or not a string
	UUID        string        // the label: a string's value, otherwise the JSON text of the value; "" when absent
	HasUUID     bool          // the key is there, be it null
	Channel     string        // where the message came from; set by SetLabels only
	Args        []byte        // JSON text of the value, of whatever kind; nil when absent
	Kwargs      []byte        // JSON text of the value, of whatever kind; nil when absent
	Timeout     time.Duration // 0 = none; a negative timeout is over at once: 1 ns
	Delay       time.Duration // 0 = none
	OnDuplicate OnDuplicate   // Parallel when absent; for a value that is not a string its kind, such as "a number"
	IsControl   bool          // the key "control" is there, whatever its value
	Control     string        // its value when that is a string, otherwise ""
	ControlData []byte        // JSON text of the value, of whatever kind; nil when absent or null
	ReplyTo     string        // "" when absent or falsy in Python; "true" for any other value that is not a string
	Wait        bool          // "wait" is true: the sender of this control request waits for the end of what it asks for
	Published   float64       // time_pub in Unix seconds; 0 when absent or not a finite number
	Key         Key           // identity for duplicates
	Limits      []byte        // JSON text of the value, of whatever kind; nil when absent or null
	Restraint   string        // the limits that count, as the workers take them; set by whoever admits the task

	at places
}

// places says where in Body the values are that slices or labels refer to.
type places struct {
	task, args, kwargs, data, limits, uuid, channel span
	uuidRepeated, channelRepeated                   bool // it is there more than once
	known                                           bool // the rest has been filled in
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
	m.place(fields)
	raw := func(f field) []byte { return fields.at[f].of(body) }

	var err error
	if m.Timeout, err = timeoutOf(raw(fieldTimeout)); err != nil {
		return nil, err
	}
	if m.Delay, err = delayOf(raw(fieldDelay)); err != nil {
		return nil, err
	}
	task := raw(fieldTask)
	m.Task = stringOr(task, "")
	m.UUID = labelOf(m.at.uuid.of(body))
	m.HasUUID = m.at.uuid.exists()
	m.OnDuplicate = onDuplicateOf(raw(fieldOnDuplicate))
	m.Published = publishedOf(raw(fieldPublished))
	if control := raw(fieldControl); control != nil {
		m.IsControl = true
		m.Control = stringOr(control, "")
		m.Wait = string(raw(fieldWait)) == "true"
	}
	m.ReplyTo = replyToOf(raw(fieldReplyTo))
	m.Key = keyOf(task, m.Args, m.Kwargs)
	return m, nil
}

// place takes over where things are in Body, and lets the slices point there.
func (m *Message) place(fields *fieldIndex) {
	m.at = places{
		task:            fields.at[fieldTask],
		args:            fields.at[fieldArgs],
		kwargs:          fields.at[fieldKwargs],
		data:            fields.at[fieldControlData],
		limits:          fields.at[fieldLimits],
		uuid:            fields.at[fieldUUID],
		channel:         fields.at[fieldChannel],
		uuidRepeated:    fields.repeated[fieldUUID],
		channelRepeated: fields.repeated[fieldChannel],
		known:           true,
	}
	m.slice()
}

// RawTask is the JSON text of the value of "task", of whatever kind; nil when absent.
func (m *Message) RawTask() []byte { return m.at.task.of(m.Body) }

// RawUUID is the JSON text of the value of "uuid", of whatever kind; nil when absent.
func (m *Message) RawUUID() []byte { return m.at.uuid.of(m.Body) }

func (m *Message) slice() {
	m.Args = m.at.args.of(m.Body)
	m.Kwargs = m.at.kwargs.of(m.Body)
	m.ControlData = m.at.data.of(m.Body)
	if string(m.ControlData) == "null" {
		m.ControlData = nil
	}
	m.Limits = m.at.limits.of(m.Body)
	if string(m.Limits) == "null" {
		m.Limits = nil
	}
}

// labelOf is how a value that should be a string is shown: a string as its value, anything else as its JSON text.
func labelOf(raw []byte) string {
	return stringOr(raw, string(raw))
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
