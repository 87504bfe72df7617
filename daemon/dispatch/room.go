package dispatch

import (
	"errors"
	"sync"

	"dispatcherd/daemon/message"
)

// ErrFull refuses a task for which the queue has no room. Its end is recorded all the same.
var ErrFull = errors.New("the queue is full")

// perTask is what a waiting task takes beside its text, in bytes and roundly.
const perTask = 1024

// costOf is what a waiting task counts for, in bytes.
func costOf(m *message.Message) int64 { return int64(len(m.Body)) + perTask }

// room counts what waits, from the moment that it is submitted, and says for how much more there
// is place. Senders ask it before the loop sees a task: what lies in the inbox counts too.
type room struct {
	mu       sync.Mutex // guards the fields below
	max      Config
	queue    Queue
	pressed  bool          // senders must not be kept waiting, whatever max says
	released bool          // nor from now on: the dispatcher stops
	changed  chan struct{} // closed when those who wait are to ask again; nil while nobody does
}

// Queue is a snapshot of what waits.
type Queue struct {
	Tasks    int
	Bytes    int64
	Max      Config
	Full     bool   // the bound was reached, and is not yet left by a tenth
	Paused   bool   // it is full, and those who bring tasks are kept waiting
	Pressed  bool   // they would be, but must not
	Rejected uint64 // tasks for which there was no room
}

// enter takes a task of this cost in. If there is no room, again is closed when the sender is to
// ask again; it is nil if he is not to wait.
func (r *room) enter(cost int64, patient bool) (ok bool, again <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := &r.queue
	if q.Tasks > 0 && !r.within(q.Tasks+1, q.Bytes+cost, 10) {
		q.Full = true
	}
	switch {
	case !q.Full:
		q.Tasks, q.Bytes = q.Tasks+1, q.Bytes+cost
		return true, nil
	case !patient || !r.keepsLocked():
		q.Rejected++
		return false, nil
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	return false, r.changed
}

// refuse counts a task that has waited in vain.
func (r *room) refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue.Rejected++
}

// back takes a task in again that had left: it is not refused.
func (r *room) back(cost int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue.Tasks, r.queue.Bytes = r.queue.Tasks+1, r.queue.Bytes+cost
}

// leave is the way out, of a task that is given to a worker or ends.
func (r *room) leave(cost int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queue.Tasks, r.queue.Bytes = r.queue.Tasks-1, r.queue.Bytes-cost
	if r.queue.Full && r.within(r.queue.Tasks, r.queue.Bytes, 9) {
		r.queue.Full = false
		r.callLocked()
	}
}

// change changes what decides, and has those who wait ask again.
func (r *room) change(f func(*room)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r)
	r.queue.Full = r.queue.Full && !r.within(r.queue.Tasks, r.queue.Bytes, 9)
	r.callLocked()
}

// snapshot returns how it stands.
func (r *room) snapshot() Queue {
	r.mu.Lock()
	defer r.mu.Unlock()
	q := r.queue
	q.Max, q.Pressed = r.max, r.pressed
	q.Paused = q.Full && r.keepsLocked()
	return q
}

// within says whether so much is at most so many tenths of what may be.
func (r *room) within(tasks int, bytes int64, tenths int64) bool {
	most, bounded := r.max.MaxBytes.Number()
	return (r.max.MaxTasks == 0 || int64(tasks) <= tenthsOf(int64(r.max.MaxTasks), tenths)) &&
		(!bounded || most == 0 || bytes <= tenthsOf(most, tenths))
}

// tenthsOf is exact for 10, and overflows for nothing.
func tenthsOf(n, tenths int64) int64 { return n/10*tenths + n%10*tenths/10 }

// keepsLocked says whether senders are kept waiting.
func (r *room) keepsLocked() bool { return r.max.OnFull == Pause && !r.pressed && !r.released }

func (r *room) callLocked() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}
