package dispatch

import (
	"time"

	"dispatcherd/workers"
)

// Outcome says how a task ended.
type Outcome = workers.Outcome

// Every way in which a task ends. The first ones come from the runner, the
// others are decided here; so are Cancelled and Abandoned of a task that no worker had.
const (
	Succeeded = workers.Succeeded
	Failed    = workers.Failed
	Cancelled = workers.Cancelled
	TimedOut  = workers.TimedOut
	OOMKilled = workers.OOMKilled
	Killed    = workers.Killed
	Quit      = workers.Quit
	Crashed   = workers.Crashed
	Lost      = workers.Lost
	Abandoned = workers.Abandoned

	Discarded Outcome = "discarded" // its on_duplicate gave way to an equal task

	Rejected Outcome = "rejected" // the queue had no room for it

	CarriedOut Outcome = "carried out" // a delayed control request, which is no task, when its time had come
)

// Outcomes are all of them.
var Outcomes = []Outcome{
	Succeeded, Failed, Cancelled, TimedOut, OOMKilled, Killed, Quit, Crashed, Lost, Abandoned, Discarded, Rejected, CarriedOut,
}

// Ended is the end of one task. The runner fills in Seq, Outcome, Detail,
// Result, RunTime, Usage and Death; the dispatcher adds the rest.
type Ended struct {
	Seq        uint64
	UUID, Task string
	Outcome    Outcome
	Detail     string        // one line: the error, or how the process ended
	Result     []byte        // raw JSON, nil when there is none
	At         time.Time     // when it was heard of
	RunTime    time.Duration // 0 when it never ran
	QueueTime  time.Duration // how long it was queued, waiting for a worker
	Worker     int           // -1 when no worker had it

	// For the dispatcher alone: the task that this worker has begun meanwhile, of those that it was
	// handed ahead, 0 for none; and those that come back with this end, as by Returned.
	Next uint64
	Back []uint64

	Usage workers.Usage
	// Death is how its worker's process ended under it; nil when it did not.
	Death *workers.Death
}
