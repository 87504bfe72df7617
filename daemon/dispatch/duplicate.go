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
	active  int   // queued or running
	blocked *fifo // of task.wait; nil unless one ever was
}

// waiting says whether one of them is blocked.
func (w twins) waiting() bool { return w.blocked != nil && w.blocked.n > 0 }

// registry finds the twins of a task in constant time. They are values, for most keys are those of one task.
type registry map[message.Key]twins

// activate counts one more that is active.
func (r registry) activate(key message.Key) {
	w := r[key]
	w.active++
	r[key] = w
}

// deactivate counts one less, which must be followed by settle.
func (r registry) deactivate(key message.Key) {
	w := r[key]
	w.active--
	r[key] = w
}

// blocked is the list of those that are blocked, to add one or to take one out.
func (r registry) blocked(key message.Key) *fifo {
	w := r[key]
	if w.blocked == nil {
		w.blocked = &fifo{}
		r[key] = w
	}
	return w.blocked
}

// turn says when the first blocked one was blocked, as an order; 0 when none is.
func (r registry) turn(key message.Key) int64 {
	w := r[key]
	if !w.waiting() {
		return 0
	}
	return w.blocked.first.task.turn
}

// settle follows each end among equal tasks. When none is active any more it takes the
// first blocked one out and returns it, for the caller to queue; when none is
// left at all the key is forgotten.
func (r registry) settle(key message.Key) *task {
	w := r[key]
	switch {
	case w.active > 0:
		return nil
	case w.waiting():
		t := w.blocked.first.task
		w.blocked.remove(&t.wait)
		w.active++
		r[key] = w
		return t
	default:
		delete(r, key)
		return nil
	}
}
