package dispatch

import "dispatcherd/daemon/message"

// Two tasks are equal when their name, args and kwargs are (message.Key). A
// task is active from the moment it is queued until it has ended. An
// on_duplicate mode is about the task that carries it: what mode its equals
// have does not matter, and delayed tasks are equal to nothing before their time.
//
// Each task is judged once, when it arrives or its delay is over, and a blocked
// one is let go exactly when no equal task is active. Judging a queued task
// again when a worker is free for it would tell nothing new: whatever has come
// meanwhile was itself judged against this one. For equal tasks of one mode
// the user sees what repeated judging shows, except that it would discard a
// queued queue_one task in favour of its own successor.

// verdict is what becomes of a task that arrives.
type verdict int

const (
	pass    verdict = iota // it joins the queue
	block                  // it waits for the end of its equals
	discard                // it is dropped
)

// judge is the table of modes, given whether an equal task is active and
// whether one is blocked. Unknown modes count as parallel.
func judge(mode message.OnDuplicate, active, blocked bool) (v verdict, known bool) {
	switch mode {
	case message.Parallel:
		return pass, true
	case message.Serial:
		if active {
			return block, true
		}
	case message.Discard:
		if active || blocked {
			return discard, true
		}
	case message.QueueOne:
		switch {
		case blocked:
			return discard, true
		case active:
			return block, true
		}
	default:
		return pass, false
	}
	return pass, true
}

// twins are the tasks with one key that are active or blocked.
type twins struct {
	key     message.Key
	active  int  // queued or running
	blocked fifo // of task.twin
}

// turn says when the first blocked of them was blocked, as an order; 0 when none is.
func (w *twins) turn() uint64 {
	if w.blocked.first == nil {
		return 0
	}
	return w.blocked.first.task.blockedAt
}

// registry finds the twins of a task in constant time.
type registry map[message.Key]*twins

// of returns the twins for key, which may be none yet. They must be settled
// if nothing is added to them.
func (r registry) of(key message.Key) *twins {
	w := r[key]
	if w == nil {
		w = &twins{key: key}
		r[key] = w
	}
	return w
}

// settle follows each end among w. When none is active any more it takes the
// first blocked one out and returns it, for the caller to queue; when none is
// left at all w is forgotten.
func (r registry) settle(w *twins) *task {
	switch {
	case w.active > 0:
		return nil
	case w.blocked.n > 0:
		t := w.blocked.first.task
		w.blocked.remove(&t.twin)
		w.active++
		return t
	default:
		delete(r, w.key)
		return nil
	}
}
