package dispatch

import (
	"time"

	"dispatcherd/daemon/message"
)

// task is one accepted message and where it stands. Submit fills in the
// message, the special and since; from then on the loop owns it. It is small, as there may be
// very many of them.
type task struct {
	seq     uint64
	message *message.Message
	special *special // nil for most

	since  moment        // when it entered the state
	waited time.Duration // that it was Queued before
	place  node          // in the list of its state
	wait   node          // in line while it is queued, in twins.blocked while it is blocked
	turn   int64         // the order in there: the smaller, the sooner
	gate   *gate         // what bounds it and its like; nil for none
	worker int32         // -1 unless it runs
	state  State

	gated bool // its gate is known
	timed bool // a worker has had it
	ahead bool // it was handed ahead: it is queued, not in line, and in running
}

// special is what few tasks have.
type special struct {
	watch     chan<- Ended // nil, or with room for one value
	request   func()       // of a control request: carries it out; nil for a task
	due       time.Time    // of a delayed task
	delayedAt int          // index in the heap of delayed tasks; -1 when not in it
	adopted   bool         // an earlier daemon gave it to its worker
	rejected  bool         // there was no room for it
	doomed    bool         // it was handed ahead, and is to be cancelled as soon as it is known where it is
}

func newTask(m *message.Message, watch chan<- Ended) *task {
	t := &task{message: m, since: momentOf(time.Now()), worker: -1}
	t.place.task, t.wait.task = t, t
	if watch != nil || m.Delay() > 0 {
		t.rare().watch = watch
	}
	return t
}

// rare is the special, to be changed.
func (t *task) rare() *special {
	if t.special == nil {
		t.special = &special{delayedAt: -1}
	}
	return t.special
}

// adopted says that an earlier daemon gave the task to its worker.
func (t *task) adopted() bool { return t.special != nil && t.special.adopted }

// held says whether the task counts in the room: from its submission until a worker has it, or its end.
func (t *task) held() bool {
	switch t.state {
	case arriving:
		return t.special == nil || !t.special.adopted && !t.special.rejected
	case Running, ended:
		return false
	default:
		return true
	}
}

// doomed says that the task was handed ahead, and is to be cancelled as soon as it is known where it is.
func (t *task) doomed() bool { return t.special != nil && t.special.doomed }

// request is what a control request does when its time has come; nil for a task.
func (t *task) request() func() {
	if t.special == nil {
		return nil
	}
	return t.special.request
}

// watch is where the end is waited for; nil when it is not.
func (t *task) watch() chan<- Ended {
	if t.special == nil {
		return nil
	}
	return t.special.watch
}
