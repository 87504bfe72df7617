package workers

import "fmt"

// cause is why a running task is brought to an end.
type cause string

const (
	none     cause = ""
	asked    cause = "cancelled"
	expired  cause = "timed out"
	shutdown cause = "the service is stopping"
	broke    cause = "its worker broke the protocol"
)

// verdict is the outcome of a task that was ended for this cause.
func (c cause) verdict() Outcome {
	switch c {
	case expired:
		return TimedOut
	case broke:
		return Killed
	case shutdown:
		return Abandoned
	default:
		return Cancelled
	}
}

// explain says in words why t was ended, and then what came of it unless "".
func (c cause) explain(t *Task, then string) string {
	text := string(c)
	if c == expired {
		text = fmt.Sprintf("timed out after %v", t.Timeout)
	}
	if then != "" {
		text += "; " + then
	}
	return text
}
