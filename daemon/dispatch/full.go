package dispatch

import (
	"time"

	"dispatcherd/daemon/message"
)

// UseQueue has these bounds count from now on. What waits already is kept. It never waits.
func (d *Dispatcher) UseQueue(c Config) {
	d.room.change(func(r *room) { r.max = c })
	d.inbox.poke()
}

// Press says whether tasks must be taken away from whoever brings them, as there is no room where
// they would wait: a full queue then rejects them, also where the configuration says Pause.
func (d *Dispatcher) Press(now bool) {
	d.room.change(func(r *room) { r.pressed = now })
	d.inbox.poke()
}

// Queue says what waits. It does not ask the loop.
func (d *Dispatcher) Queue() Queue { return d.room.snapshot() }

// SubmitPatiently is Submit for a sender who reads nothing further meanwhile: where a full queue
// pauses, it waits for room until stop is closed. A task that is refused has ended as
// rejected, which is recorded, and the error is ErrFull.
func (d *Dispatcher) SubmitPatiently(m *message.Message, stop <-chan struct{}) error {
	t := newTask(m, nil)
	for {
		ok, again := d.room.enter(costOf(m), true)
		if ok {
			return d.enter(t)
		}
		if again == nil {
			return d.reject(t)
		}
		d.inbox.poke() // it may be worth a line
		select {
		case <-again:
		case <-stop:
			d.room.refuse()
			return d.reject(t)
		case <-d.over:
			return ErrEnded
		}
	}
}

// admitted submits t if there is room for it now.
func (d *Dispatcher) admitted(t *task) error {
	if ok, _ := d.room.enter(costOf(t.message), false); !ok {
		return d.reject(t)
	}
	return d.enter(t)
}

// enter hands over a task that there is room for.
func (d *Dispatcher) enter(t *task) error {
	t.held = costOf(t.message)
	return d.submit(t)
}

// reject has a task recorded that there is no room for.
func (d *Dispatcher) reject(t *task) error {
	t.watch = nil // the error says it
	if err := d.submit(t); err != nil {
		return err
	}
	return ErrFull
}

// count keeps the room's figures while t goes on to another state.
func (d *Dispatcher) count(t *task, to State) {
	switch {
	case t.held > 0 && (to == Running || to == ended):
		d.room.leave(t.held)
		t.held = 0
	case t.held == 0 && to == Queued: // it was returned
		t.held = costOf(t.message)
		d.room.back(t.held)
	}
}

// fullness decides when it is worth a line that the queue is full: when it becomes so, once a minute
// at most, and when that is over, if it was said that it began.
type fullness struct {
	said     Queue     // as the last line had it
	began    time.Time // of the last first line; zero before
	rejected uint64    // until the last line that it was over
}

// note returns whether a line is due about q.
func (f *fullness) note(q Queue, now time.Time) bool {
	switch {
	case q.Full == f.said.Full && q.Paused == f.said.Paused:
		return false
	case q.Full && !f.said.Full && !f.began.IsZero() && now.Sub(f.began) < calmFor:
		return false
	case q.Full && !f.said.Full:
		f.began = now
	}
	f.said = q
	return true
}

// tellFull logs that the queue has become full, and that it is not any more.
func (d *Dispatcher) tellFull() {
	q := d.room.snapshot()
	if !d.fullness.note(q, d.now) {
		return
	}
	attrs := []any{"tasks", q.Tasks, "bytes", q.Bytes, "rejected", q.Rejected - d.fullness.rejected}
	switch {
	case q.Paused:
		d.log.Warn("the queue is full; tasks wait with their senders", append(attrs, "event", "queue-full")...)
	case q.Full:
		d.log.Warn("the queue is full; tasks are rejected", append(attrs, "event", "queue-full")...)
	default:
		d.log.Warn("the queue has room again", append(attrs, "event", "queue-room")...)
		d.fullness.rejected = q.Rejected
	}
}
