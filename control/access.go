package control

import "fmt"

// Access is what a source of messages may ask for that cannot say who is asking, as
// Postgres cannot: any role that may NOTIFY may send a control request.
type Access string

// The values of Access.
const (
	ReadOnly   Access = "read" // the commands that change nothing
	FullAccess Access = "all"  // every command
	NoAccess   Access = "none" // no command
)

// Validate says what is wrong with the value of the key.
func (a Access) Validate(key string) error {
	switch a {
	case ReadOnly, FullAccess, NoAccess:
		return nil
	}
	return fmt.Errorf("%s: must be %q, %q or %q, got %q", key, ReadOnly, FullAccess, NoAccess, string(a))
}

// Permits says whether a command may be carried out: "read" permits those of Specs that
// do not act. A name that is no command is permitted, since its answer is an error.
func (a Access) Permits(command string) bool {
	return a == FullAccess || a == ReadOnly && needs(command) == reading
}
