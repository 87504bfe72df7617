package message

// What follows are parts of Body: the JSON text of a value, of whatever kind, and nil when it is absent.

// RawTask is the text of the value of "task".
func (m *Message) RawTask() []byte { return m.at.task.of(m.Body) }

// RawUUID is the text of the value of "uuid".
func (m *Message) RawUUID() []byte { return m.at.uuid.of(m.Body) }

// Args is the text of the positional arguments.
func (m *Message) Args() []byte { return m.at.args.of(m.Body) }

// Kwargs is the text of the keyword arguments.
func (m *Message) Kwargs() []byte { return m.at.kwargs.of(m.Body) }

// ControlData is the text of what a control request says beside its command; null is nil as well.
func (m *Message) ControlData() []byte { return unlessNull(m.rest().data.of(m.Body)) }

// Limits is the text of the limits that the message asks for; null is nil as well.
func (m *Message) Limits() []byte { return unlessNull(m.rest().limits.of(m.Body)) }

// UUID is the label: a string's value, otherwise the JSON text of the value; "" when absent. Each call makes it anew, so that
// whoever keeps it does not keep Body.
func (m *Message) UUID() string { return labelOf(m.RawUUID()) }

// HasUUID says whether the key is there, be it null.
func (m *Message) HasUUID() bool { return m.at.uuid.exists() }

func unlessNull(raw []byte) []byte {
	if string(raw) == "null" {
		return nil
	}
	return raw
}
