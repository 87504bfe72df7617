package dispatch

import "time"

// Outcome says how a task ended.
type Outcome string

// Every way in which a task ends. The first five come from the runner, the
// others are decided here.
const (
	Succeeded Outcome = "succeeded"
	Failed    Outcome = "failed"
	Cancelled Outcome = "cancelled" // while it ran, or before a worker had it
	TimedOut  Outcome = "timed out"
	Died      Outcome = "died" // its worker's process ended under it

	Discarded Outcome = "discarded" // its on_duplicate gave way to an equal task
	Abandoned Outcome = "abandoned" // the dispatcher ended first

	CarriedOut Outcome = "carried out" // a delayed control request, which is no task, when its time had come
)

// Outcomes are all of them.
var Outcomes = []Outcome{Succeeded, Failed, Cancelled, TimedOut, Died, Discarded, Abandoned, CarriedOut}

// Ended is the end of one task. The runner fills in Seq, Outcome, Detail,
// Result and RunTime; the dispatcher adds the rest.
type Ended struct {
	Seq        uint64
	UUID, Task string
	Outcome    Outcome
	Detail     string        // one line: the error, or how the process ended
	Result     []byte        // raw JSON, nil when there is none
	RunTime    time.Duration // 0 when it never ran
	Worker     int           // -1 when no worker had it
}
