package dispatch

import (
	"fmt"
	"strconv"
	"time"

	"dispatcherd/daemon/message"
)

// State is where an accepted task stands.
type State int8

// The states a task can be seen in, in the order in which they are listed.
const (
	arriving State = iota // handed over, not yet looked at
	Running
	Blocked // waits for the end of an equal task
	Queued  // waits for a worker
	Delayed // waits for its time
	ended
)

// String is the word that control replies use.
func (s State) String() string {
	switch s {
	case arriving:
		return "arriving"
	case Running:
		return "running"
	case Blocked:
		return "blocked"
	case Queued:
		return "queued"
	case Delayed:
		return "delayed"
	case ended:
		return "ended"
	default:
		return fmt.Sprintf("State(%d)", int(s))
	}
}

// Entry is one task as Tasks and Cancel list it.
type Entry struct {
	State   State
	Index   int       // position among all tasks in this state, those that a filter hides included
	Worker  int       // id of the worker that runs it, otherwise -1
	Since   time.Time // when it entered the state
	Message *message.Message
}

// Key names the entry in a reply: worker-<id>, blocked-<index>, queued-<index>
// or delayed-<index>.
func (e Entry) Key() string {
	if e.State == Running {
		return "worker-" + strconv.Itoa(e.Worker)
	}
	return e.State.String() + "-" + strconv.Itoa(e.Index)
}
