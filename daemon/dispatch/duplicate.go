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

// registry knows the tasks that are active or blocked by their keys, each in constant time. Most keys
// are those of one task that is queued: they take no more than the number of it.
type registry struct {
	active  map[message.Key]int32 // how many are queued or running
	blocked map[message.Key]*fifo // of task.wait; never empty
}

func newRegistry() registry {
	return registry{active: map[message.Key]int32{}, blocked: map[message.Key]*fifo{}}
}

// activate counts one more that is active.
func (r registry) activate(key message.Key) { r.active[key]++ }

// deactivate counts one less. It must be followed by settle.
func (r registry) deactivate(key message.Key) { r.active[key]-- }

// block adds t to those that are blocked.
func (r registry) block(t *task) {
	key := t.message.Key
	if r.blocked[key] == nil {
		r.blocked[key] = &fifo{}
	}
	r.blocked[key].push(&t.wait)
}

// unblock takes t out of those that are blocked.
func (r registry) unblock(t *task) {
	key := t.message.Key
	blocked := r.blocked[key]
	blocked.remove(&t.wait)
	if blocked.n == 0 {
		delete(r.blocked, key)
	}
}

// turn says when the first blocked one was blocked, as an order; 0 when none is.
func (r registry) turn(key message.Key) int64 {
	blocked := r.blocked[key]
	if blocked == nil {
		return 0
	}
	return blocked.first.task.turn
}

// settle follows each end among equal tasks. When none is active any more it takes the
// first blocked one out and returns it, for the caller to queue; when none is
// left at all the key is forgotten.
func (r registry) settle(key message.Key) *task {
	if r.active[key] > 0 {
		return nil
	}
	blocked := r.blocked[key]
	if blocked == nil {
		delete(r.active, key)
		return nil
	}
	t := blocked.first.task
	r.unblock(t)
	r.activate(key)
	return t
}
