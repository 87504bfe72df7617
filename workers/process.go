package workers

import (
	"context"
	"time"
)

// Launcher starts worker processes.
type Launcher interface {
	// Launch starts the process of worker id and returns once it exists, which
	// is before it is ready. ctx bounds the launch, not the process. It may be
	// called for several workers at once.
	Launch(ctx context.Context, id int) (Process, error)
}

// Process is a worker's process. Its methods may be called from any goroutine
// and do not wait for the process, except Receive.
type Process interface {
	PID() int
	// Send hands over a task. An error means that the process has not got it,
	// never will, and is about to be reported as exited.
	Send(t *Task) error
	// Ahead hands over a task that the process may begin by itself when the one that it runs has
	// ended. ok is false where that cannot be.
	Ahead(t *Task) (ok bool)
	// TakeBack returns the numbers of those tasks that the process has not got, and will not get:
	// not always the last ones, for it may get one meanwhile. It has begun the others, or is about to.
	TakeBack() []uint64
	// Cancel interrupts task seq and does nothing if another one runs by then.
	Cancel(seq uint64) error
	// Ring repeats the signal of a Cancel. A signal that arrives just before a
	// blocking system call does not interrupt it, and the task sleeps on.
	Ring() error
	// Watch says that the running task has been running for a while: from now on its memory
	// and its processes are to be looked at. It is told once for each such task.
	Watch() error
	// Stop asks the process to leave as soon as it has nothing to do.
	Stop() error
	// Kill ends the process and everything that it started.
	Kill() error
	// Reply answers a control request of the running task.
	Reply(request uint64, body []byte) error
	// Receive waits for the process's next word. The last one is Exited.
	Receive() Report
	// Close gives the process up: Receive returns Exited.
	Close()
}

// ReportKind says what a Report is about.
type ReportKind int

// What a process reports.
const (
	// Hello comes once, when the worker is ready for its first task.
	Hello ReportKind = iota
	// Done is the end of a task.
	Done
	// Asked is a control request of the running task.
	Asked
	// Leaving is a worker that runs no task and will read no other.
	Leaving
	// Exited is the end of the process; nothing follows it.
	Exited
)

// Report is one word of a worker's process.
type Report struct {
	Kind ReportKind
	Seq  uint64 // of the task (Done) or of the request (Asked)

	// Of Done; Outcome is Succeeded, Failed or Cancelled.
	Outcome  Outcome
	Error    string
	Result   []byte
	RunTime  time.Duration // as the worker measured it
	Stopping bool          // the worker leaves after this task
	Begins   bool          // it begins the next of the tasks that it was handed ahead
	Printed  bool          // output of the task had not been read when it ended

	// Of Asked.
	Command string
	Data    []byte

	// Of Leaving: why, in words.
	Reason string

	// Of Done and Exited: what the task has cost; zero without a task.
	Usage Usage

	// Of Exited: how the process ended, also in words, and whether that was in order.
	Death Death
	Exit  string
	Clean bool
}
