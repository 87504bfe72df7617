package message

import "time"

// extras are what most messages do not have.
type extras struct {
	delay            time.Duration
	onDuplicate      OnDuplicate
	control, replyTo string
	wait             bool
	restraint        string
	data, limits     span // of the values in Body
}

// plain are the extras of a message that has none.
var plain = extras{onDuplicate: Parallel}

// rest are the extras, to be read only.
func (m *Message) rest() *extras {
	if m.extras == nil {
		return &plain
	}
	return m.extras
}

// change makes new extras, as a copy of the message may have the old ones.
func (m *Message) change(f func(e *extras)) {
	e := *m.rest()
	f(&e)
	m.extras = &e
}

// Delay is how long the message has to wait after its arrival; 0 = none.
func (m *Message) Delay() time.Duration { return m.rest().delay }

// OnDuplicate is Parallel when absent; for a value that is not a string its kind, such as "a number".
func (m *Message) OnDuplicate() OnDuplicate { return m.rest().onDuplicate }

// Control is the command when that is a string, otherwise "".
func (m *Message) Control() string { return m.rest().control }

// ReplyTo is "" when absent or falsy in Python, and "true" for any other value that is not a string.
func (m *Message) ReplyTo() string { return m.rest().replyTo }

// Wait says that "wait" is true: the sender of this control request waits for the end of what it asks for.
func (m *Message) Wait() bool { return m.rest().wait }

// Restraint is the limits that count, as the workers take them.
func (m *Message) Restraint() string { return m.rest().restraint }

// Restrain sets the Restraint; whoever admits the task does.
func (m *Message) Restrain(limits string) {
	if limits != m.Restraint() {
		m.change(func(e *extras) { e.restraint = limits })
	}
}

// Unanswered has nobody get a reply: ReplyTo is "" from now on.
func (m *Message) Unanswered() {
	if m.ReplyTo() != "" {
		m.change(func(e *extras) { e.replyTo = "" })
	}
}
