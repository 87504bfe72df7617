package workers

import (
	"cmp"
	"fmt"
	"time"
)

// ourselves is who has killed a process, if the pool has.
const ourselves = "the daemon"

// worker is one worker of the pool. All fields but id are guarded by Pool.mu.
type worker struct {
	id      int
	state   State
	proc    Process // nil until it is launched; it has no deadline before
	pid     int
	created time.Time
	greeted time.Time // when it said hello
	retire  time.Time // when it is too old; zero: never

	task        *Task   // nil unless busy
	ahead       []*Task // handed over to be begun after it, oldest first
	streak      int     // how many quick tasks it has run one after the other
	hungry      bool    // it is in Pool.hungry
	watched     bool    // the process was told that it has been running for a while
	sent        bool    // the task has been written to the process
	started     time.Time
	cause       cause     // why the task is to end; never none in a busy worker that was killed
	interrupted bool      // the process has been told so
	mercy       time.Time // when an interrupted task's worker is killed
	killed      bool
	failed      bool   // it has failed, and that was told
	departed    int    // the number of the worker that was to come next when this one took its last task
	asked       bool   // it was asked to leave
	outdated    bool   // workers are started in another way now: this is to be its last task
	left        bool   // it has said that it leaves
	reason      string // why, in words

	adopted  bool // it is of an earlier daemon, and leaves after its task
	finished int
	due      time.Time // see deadlines
	dueIndex int       // -1: no deadline
}

func newWorker(id int, now time.Time) *worker {
	return &worker{id: id, state: Starting, created: now, dueIndex: -1}
}

// info is the worker as others see it.
func (w *worker) info() Info {
	return Info{
		ID: w.id, PID: w.pid, State: w.state, Left: w.left, Task: w.task, Started: w.started,
		Interrupted: w.cause != none, Finished: w.finished, Created: w.created,
	}
}

// end says what state the end of its process is and why it ended, in words.
func (w *worker) end(r Report) (state State, exit string) {
	state = Errored
	if w.state == Stopping && r.Clean && !w.killed {
		state = Retired
	}
	if w.reason != "" {
		return state, w.reason + "; " + r.Exit
	}
	return state, r.Exit
}

// aged says whether the worker has reached its lifetime.
func (w *worker) aged(now time.Time) bool {
	return !w.retire.IsZero() && !w.retire.After(now)
}

// useless says whether the worker, if it ended now, would have been started in
// vain: before it was ready, or young and without a task.
func (w *worker) useless(now time.Time) bool {
	return w.state == Starting || w.state == Ready && w.unproven(now)
}

// unproven says whether a worker that has been ready is young and has run no
// task to its end.
func (w *worker) unproven(now time.Time) bool {
	return w.finished == 0 && now.Sub(w.greeted) < settled
}

// crashed says whether the process of the worker, which has ended so, ended by itself
// between tasks: idle, or in what follows a task.
func (w *worker) crashed(r Report) bool {
	return w.task == nil && !w.asked && !w.killed && !w.failed && (w.state == Ready || !r.Clean)
}

// assign gives an idle worker its task.
func (w *worker) assign(t *Task, now time.Time) {
	w.state, w.task, w.started = Busy, t, now
}

// release takes the task away.
func (w *worker) release() {
	w.task, w.sent, w.cause, w.interrupted, w.watched = nil, false, none, false, false
	w.started = time.Time{}
}

// noteRun keeps whether the worker runs quick tasks that say nothing.
func (w *worker) noteRun(r Report) {
	if r.RunTime < quick && r.Outcome == Succeeded && !r.Printed {
		w.streak++
	} else {
		w.streak = 0
	}
}

// cancelWord is the result, as JSON, by which the original's workers say that a task was cancelled. A task
// that was, and returns it, means that.
const cancelWord = `"<cancel>"`

// ended makes the event of a task that the worker reported as done. An
// exception that the interruption caused is told as what it was.
func (w *worker) ended(r Report) Event {
	e := Event{
		Kind: TaskEnded, Worker: w.id, Task: w.task, Outcome: r.Outcome,
		Detail: r.Error, Result: r.Result, RunTime: r.RunTime, Usage: r.Usage,
	}
	if w.cause != none && (r.Outcome != Succeeded || string(r.Result) == cancelWord) {
		e.Outcome, e.Detail = w.cause.verdict(), w.cause.explain(w.task, r.Error)
	}
	if r.Usage.OOMKills > 0 { // a child of it was chosen
		e.Detail = andThen(e.Detail, r.Usage.explainOOM(false))
	}
	return e
}

// returned makes the event of a task that the worker left behind without having
// begun it. One that was to end is not run again.
func (w *worker) returned() Event {
	if w.cause == none {
		return Event{Kind: TaskReturned, Worker: w.id, Tasks: []*Task{w.task}}
	}
	return Event{
		Kind: TaskEnded, Worker: w.id, Task: w.task,
		Outcome: w.cause.verdict(), Detail: w.cause.explain(w.task, "it had not begun"),
	}
}

// died makes the event of a task whose process ended. Why the task was to end says more
// than how it did; but if it ran out of memory before it was killed, then that was first.
func (w *worker) died(r Report, now time.Time) Event {
	death := r.Death
	e := Event{
		Kind: TaskEnded, Worker: w.id, Task: w.task, Outcome: death.Outcome(),
		Detail: r.Exit, RunTime: now.Sub(w.started), Usage: r.Usage, Death: &death,
	}
	if w.killed && death.By == "" {
		death.By = ourselves
	}
	if w.cause != none && (w.killed || !death.OOM) {
		e.Outcome, e.Detail = w.cause.verdict(), w.cause.explain(w.task, r.Exit)
	}
	if death.OOM {
		e.Usage.OOMKills = max(1, r.Usage.OOMKills)
		e.Usage.OOMVictim = cmp.Or(r.Usage.OOMVictim, fmt.Sprintf("its worker, process %d", w.pid))
	}
	e.Detail = andThen(e.Detail, e.Usage.explainOOM(death.OOM))
	return e
}
