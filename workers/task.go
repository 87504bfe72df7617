package workers

import "time"

// Task is one piece of work as a worker gets it.
type Task struct {
	// Seq numbers the task within this daemon's life; it is never used twice.
	Seq uint64
	// UUID and Name label the task in logs and replies.
	UUID, Name string
	// Body is the JSON object that the worker is sent.
	Body []byte
	// Timeout is how long the task may run before it is interrupted; 0 is for ever.
	Timeout time.Duration
	// Limits are the limits on its resources, as text that the pool does not look into;
	// "" are those of every worker.
	Limits string
}

// EventKind says what an Event is about.
type EventKind int

// The events that the pool reports.
const (
	TaskEnded EventKind = iota
	// TaskReturned is one or several tasks that their worker has not begun and will not begin.
	TaskReturned
	// WorkerFree is a worker that became free without having ended a task.
	WorkerFree
	// ControlRequest is a bound task that asks the service something; it is
	// answered with Pool.Reply.
	ControlRequest
)

// Event is something that happened in the pool.
type Event struct {
	Kind   EventKind
	Worker int
	Task   *Task // nil for WorkerFree and TaskReturned
	// Tasks are those that have not begun and are not to be, in the order in which they were handed
	// over: of a TaskReturned, and of a TaskEnded whose worker has become free. Pool.Requeued
	// must follow.
	Tasks []*Task

	// Of a TaskEnded.
	Next    *Task // which the worker has begun meanwhile, of those that it was handed ahead; nil for none
	Outcome Outcome
	Detail  string // one line: the error, how the process ended, what ran out of memory; "" when there is nothing to say
	Result  []byte // JSON text; nil is null
	RunTime time.Duration
	Usage   Usage
	Death   *Death // of the worker's process, by which the task ended; nil when it did not

	// Of a ControlRequest.
	Request uint64
	Command string
	Data    []byte // JSON object or nil
}
