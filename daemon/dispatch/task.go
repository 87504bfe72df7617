package dispatch

import (
	"time"

	"dispatcherd/daemon/message"
)

// task is one accepted message and where it stands. Submit fills in the
// message, the watch and since; from then on the loop owns it.
type task struct {
	seq     uint64
	message *message.Message
	watch   chan<- Ended // nil, or with room for one value
	request func()       // of a control request: carries it out; nil for a task

	held int64 // what it counts for in the room; 0 when it does not

	adopted bool // an earlier daemon gave it to its worker

	ahead  bool // it was handed ahead: it is queued, not in line, and in running
	doomed bool // it was handed ahead, and is to be cancelled as soon as it is known where it is

	state  State
	since  time.Time     // when it entered the state
	waited time.Duration // that it was Queued before
	worker int           // -1 unless it runs
	place  node          // in the list of its state
	gated  bool          // its gate is known
	gate   *gate         // what bounds it and its like; nil for none
	wait   node          // in line, while it is queued
	turn   int64         // in line: the smaller, the sooner
	timing *Timing       // of its name; nil before a worker has had it

	twins     *twins // nil before the duplicates check
	twin      node   // in twins.blocked
	blockedAt uint64 // order among all that were ever blocked

	due       time.Time // of a delayed task
	delayedAt int       // index in the heap of delayed tasks; -1 when not in it
}

func newTask(m *message.Message, watch chan<- Ended) *task {
	t := &task{message: m, watch: watch, since: time.Now(), worker: -1, delayedAt: -1}
	t.place.task, t.wait.task, t.twin.task = t, t, t
	return t
}
