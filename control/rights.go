package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// everybody stands, in a list of who may, for whoever can connect to the socket.
const everybody = "*"

// Rights is the section [control]: who may do what over the control socket. Each entry is the
// name of a user, "@" and the name of a group, or "*" for whoever can connect; a number
// is taken as the id. Root and the daemon's own user may do everything.
type Rights struct {
	// Submitters may submit tasks, by run or by a line with the task itself. Default "*".
	Submitters []string `toml:"submitters"`
	// Operators may use the commands that act on the daemon or on tasks, such as cancel.
	// Default: nobody else.
	Operators []string `toml:"operators"`
	// CancelWithoutFilter has a cancel that names no task cancel every one, as with the Python
	// original, wherever it comes from. Without it such a cancel is an error. Default: false.
	CancelWithoutFilter bool `toml:"cancel_without_filter"`
}

// DefaultRights returns the section as it is when nothing is configured.
func DefaultRights() Rights { return Rights{Submitters: []string{everybody}} }

// Validate reports every entry that cannot be the name of a user or a group, a line each.
// Whether there is such a user is not looked at.
func (r Rights) Validate() error {
	return errors.Join(checkNames("control.submitters", r.Submitters), checkNames("control.operators", r.Operators))
}

func checkNames(key string, names []string) error {
	var problems []error
	for _, name := range names {
		bare := strings.TrimPrefix(name, "@")
		if name != everybody && (bare == "" || strings.ContainsFunc(bare, notInName)) {
			problems = append(problems, fmt.Errorf(`%s: must be names of users such as "alice", of groups such as "@ops", or "*", got %q`, key, name))
		}
	}
	return errors.Join(problems...)
}

// notInName names what ends a field or a name in passwd(5) and group(5), or means something here.
func notInName(r rune) bool { return r <= ' ' || r == 0x7f || slices.Contains([]rune(":,@*%+/"), r) }
