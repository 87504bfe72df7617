package process

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// ahead is what the worker was handed ahead of its need. Which of these tasks it has begun is
// known when the word of that has been read; until then what it prints is not read by itself
// either, lest it be logged as another task's. The worker begins none while something that a
// task has printed is unread (lane.py).
type ahead struct {
	lane *supervisor.Lane // nil: nothing can be handed ahead

	mu     sync.Mutex      // guards the fields below
	clear  *sync.Cond      // tasks is empty, or over is set
	tasks  []*workers.Task // put into the lane and not taken back, nor known to be begun; oldest first
	over   bool            // the worker says no more
	packet []byte          // reused for each frame
}

func newAhead(lane *supervisor.Lane) *ahead {
	a := &ahead{lane: lane}
	a.clear = sync.NewCond(&a.mu)
	return a
}

// put hands t ahead, if there is room.
func (a *ahead) put(t *workers.Task) bool {
	if a.lane == nil {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.over {
		return false
	}
	a.packet = appendFrame(a.packet[:0], frame{kind: taskFrame, seq: t.Seq, body: t.Body})
	if !a.lane.Put(supervisor.Note{Seq: t.Seq, UUID: t.UUID, Task: t.Name, Message: t.Body}, a.packet) {
		return false
	}
	a.tasks = append(a.tasks, t)
	return true
}

// takeBack returns the numbers of the tasks that the worker has not got.
func (a *ahead) takeBack() []uint64 {
	if a.lane == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	back := a.lane.TakeBack()
	a.keepLocked(slices.DeleteFunc(a.tasks, func(t *workers.Task) bool { return slices.Contains(back, t.Seq) }))
	return back
}

// begun notes that the worker has begun the next task by itself, before anything that it prints
// is read.
func (a *ahead) begun(current *atomic.Pointer[workers.Task]) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.tasks) == 0 {
		return errors.New("it begins a task that it was not handed")
	}
	current.Store(a.tasks[0])
	a.keepLocked(slices.Delete(a.tasks, 0, 1))
	return nil
}

// ended notes that a task which may have been handed ahead has ended.
func (a *ahead) ended(seq uint64) {
	if a.lane != nil {
		a.lane.End(seq)
	}
}

// inherit has the worker begin these tasks of an earlier daemon. It gets no others, and what it
// prints is read: the ends before the one that it runs may have been told to that daemon.
func (a *ahead) inherit(tasks []Inherited) {
	a.over = true
	for _, i := range tasks {
		a.tasks = append(a.tasks, i.Task)
	}
}

// skip makes t, if it is one of the tasks, the current one.
func (a *ahead) skip(t *workers.Task, current *atomic.Pointer[workers.Task]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if i := slices.Index(a.tasks, t); i >= 0 {
		current.Store(t)
		a.keepLocked(a.tasks[i+1:])
	}
}

// keepLocked replaces the tasks.
func (a *ahead) keepLocked(tasks []*workers.Task) {
	a.tasks = tasks
	if len(tasks) == 0 {
		a.clear.Broadcast()
	}
}

// wait waits until it is known whose the outputs are.
func (a *ahead) wait() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.tasks) > 0 && !a.over {
		a.clear.Wait()
	}
}

// end notes that the worker says no more.
func (a *ahead) end() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	a.clear.Broadcast()
}

func (a *ahead) close() {
	if a.lane != nil {
		a.lane.Close()
	}
}

// Ahead hands over a task that the worker may begin by itself, as soon as the one that it runs
// has ended. It does not wait, and returns false where that cannot be.
func (p *Process) Ahead(t *workers.Task) bool { return p.unrestrained() && p.ahead.put(t) }

// TakeBack returns the numbers of the tasks that were handed ahead and that the worker has not
// begun, and will not begin. It does not wait.
func (p *Process) TakeBack() []uint64 { return p.ahead.takeBack() }

// unrestrained says whether the worker has the limits of every worker, and is to keep them.
func (p *Process) unrestrained() bool {
	p.restraint.mu.Lock()
	defer p.restraint.mu.Unlock()
	return p.restraint.held == nil && p.restraint.has == p.holder.Limits()
}
