package control

import "fmt"

// Caller is the sender of a message, as far as it decides what is done for him. An error
// says who may, in words that go behind "is refused: ".
type Caller interface {
	// Command says why a control command is not carried out for him; nil if it is. A name
	// that is no command needs no right, since its answer is an error.
	Command(name string) error
	// Task says why a task is not taken from him; nil if it is.
	Task() error
	// Attrs says who it is, for the log; nothing where that is not known.
	Attrs() []any
}

// right is what a command needs.
type right int

const (
	reading right = iota
	submitting
	acting
)

func needs(command string) right {
	for _, s := range Specs {
		switch {
		case s.Name != command, !s.Acts:
		case s.Name == "run":
			return submitting
		default:
			return acting
		}
	}
	return reading
}

// Trusted is a caller who may do everything: the daemon itself, and a task that it runs.
type Trusted struct{}

var _ Caller = Trusted{}

// Command permits everything.
func (Trusted) Command(string) error { return nil }

// Task permits everything.
func (Trusted) Task() error { return nil }

// Attrs has nothing to say.
func (Trusted) Attrs() []any { return nil }

// Unnamed is a caller of whom nothing is known, as over Postgres, where any role may NOTIFY.
// The zero value may send tasks and nothing else.
type Unnamed struct {
	Access Access
	Key    string // the option that Access comes from
}

var _ Caller = Unnamed{}

// Command permits what Access does.
func (u Unnamed) Command(name string) error {
	if u.Access.Permits(name) {
		return nil
	}
	return fmt.Errorf("%s is %q; set it to %q to permit every command this way", u.Key, string(u.Access), string(FullAccess))
}

// Task permits every task: there is no other way in for it.
func (Unnamed) Task() error { return nil }

// Attrs has nothing to say.
func (Unnamed) Attrs() []any { return nil }
