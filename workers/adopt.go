package workers

import "time"

// Inherited is a worker that an earlier daemon has left.
type Inherited struct {
	ID      int
	Process Process
	// Task is what it runs, numbered as one of ours; nil when it runs nothing.
	Task  *Task
	Began time.Time // of Task
	// Later are tasks that it may have begun by itself since, one after the other.
	Later []*Task
}

// Await has the pool start no worker of its own before Adopt was called: until then it
// is not known which numbers are taken. It is called before Run.
func (p *Pool) Await() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = true
}

// Adopt takes over what an earlier daemon has left. Such a worker counts as any other,
// its task can be cancelled and times out, but it is given nothing new: it may be
// of an older configuration, and leaves when its task has ended.
func (p *Pool) Adopt(list []Inherited) {
	now := time.Now()
	var do action
	p.mu.Lock()
	for _, i := range list {
		do = append(do, p.adoptLocked(i, now)...)
	}
	p.waits = false
	p.mu.Unlock()
	p.poke()
	do.run()
}

func (p *Pool) adoptLocked(i Inherited, now time.Time) action {
	w := newWorker(i.ID, now)
	w.adopted, w.proc, w.pid = true, i.Process, i.Process.PID()
	p.workers[w.id] = w
	p.usable++
	p.nextID = max(p.nextID, w.id+1)
	do := action{func() {
		p.log.Info("a worker of an earlier daemon is there", "worker", w.id, "pid", w.pid, "busy", i.Task != nil)
	}}
	if i.Task == nil {
		do = append(do, p.stopLocked(w, now)...)
	} else {
		w.assign(i.Task, i.Began)
		w.ahead = i.Later
		p.parked += len(i.Later)
		w.sent, w.asked = true, true
		p.busy++
		p.watchOutLocked()
		do = append(do, p.armLocked(w, now)...)
		do = append(do, func() {
			if err := i.Process.Stop(); err != nil {
				p.log.Debug("worker could not be asked to stop", "worker", w.id, "err", err)
			}
		})
	}
	p.living.Go(func() { p.follow(w, i.Process) })
	return do
}

// untold makes the event of a task whose worker has nothing to say of its end any more:
// the daemon that was told was killed before it could pass that on.
func (w *worker) untold(now time.Time) Event {
	return Event{
		Kind: TaskEnded, Worker: w.id, Task: w.task, Outcome: Lost, RunTime: now.Sub(w.started),
		Detail: "how it ended is not known: the daemon before this one was killed as it heard of it",
	}
}

// LetGo makes the end of Run leave the workers, and the tasks that they run, to the next
// daemon. It is called before the context of Run ends.
func (p *Pool) LetGo() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lettingGo = true
}

// end is the beginning of the end of Run.
func (p *Pool) end() {
	p.mu.Lock()
	letting := p.lettingGo
	p.mu.Unlock()
	if !letting {
		p.drain()
		return
	}
	var do action
	p.mu.Lock()
	p.draining = true // which starts nothing and hands nothing out
	p.giveUp = time.Now().Add(time.Hour)
	for _, w := range p.workers {
		if w.proc != nil {
			do = append(do, w.proc.Close)
		} else if w.state == Starting {
			p.moveLocked(w, Stopping) // its launch is given up
		}
	}
	p.mu.Unlock()
	do.run()
}

// letGoLocked takes w, which lives on, out of the pool.
func (p *Pool) letGoLocked(w *worker) action {
	t := w.task
	if t != nil {
		p.unassignLocked(w, time.Now())
	}
	p.parked -= len(w.ahead)
	w.ahead = nil
	p.removeLocked(w, Stopping)
	return action{func() {
		if t != nil {
			p.log.Info("task goes on without this daemon", "worker", w.id, "pid", w.pid, "uuid", t.UUID, "task", t.Name)
		}
	}}
}
