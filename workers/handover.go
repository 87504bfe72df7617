package workers

import "time"

// TryRun gives t to the worker that has been idle longest. It returns false
// when no worker is free; the pool then knows that a task waits.
func (p *Pool) TryRun(t *Task) (id int, ok bool) {
	for {
		w, proc := p.take(t)
		if w == nil {
			return 0, false
		}
		if p.handed(w, t, proc.Send(t)) {
			return w.id, true
		}
	}
}

// take assigns t to an idle worker, nil when there is none, as always in a drain.
func (p *Pool) take(t *Task) (*worker, Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.returning > 0 {
		return nil, nil // what comes back is to be had first, and brings another try
	}
	if len(p.idle) == 0 {
		p.waiting = max(p.waiting, 1)
		if grow(p.cfg, p.loadLocked()) > 0 {
			p.poke()
		}
		return nil, nil
	}
	w := p.idle[0]
	p.idle[0] = nil
	p.idle = p.idle[1:]
	w.assign(t, time.Now())
	p.feedLocked(w)
	p.busy++
	p.watchOutLocked()
	// Until Waiting says how many are left, t must not count as waiting and as
	// running, or a worker too many is started for it.
	p.waiting = max(p.waiting-1, 0)
	return w, w.proc
}

// handed notes how sending t to w went, and arms what may only come behind the
// task on the worker's socket. It returns false when the task has not left.
func (p *Pool) handed(w *worker, t *Task, err error) bool {
	now := time.Now()
	var do action
	p.mu.Lock()
	switch {
	case w.task != t: // it has ended already, and been reported
		err = nil
	case err != nil:
		do = p.undeliveredLocked(w, err, now)
	default:
		w.sent = true
		do = p.armLocked(w, now)
	}
	p.mu.Unlock()
	do.run()
	return err == nil
}

// armLocked sets the task's timeout, or interrupts it if that was asked for
// while it was being sent.
func (p *Pool) armLocked(w *worker, now time.Time) action {
	switch {
	case w.cause != none:
		return p.interruptLocked(w, w.cause, now)
	case w.task.Timeout > 0:
		p.dueLocked(w, w.started.Add(w.task.Timeout))
	}
	return nil
}

// undeliveredLocked takes the task back from a worker whose process cannot be
// written to, which is to end by itself.
func (p *Pool) undeliveredLocked(w *worker, err error, now time.Time) action {
	p.unassignLocked(w, now)
	p.waiting++
	p.leaveLocked(w, now)
	return action{func() {
		p.log.Warn("task could not be sent to its worker and goes to another", "worker", w.id, "err", err)
	}}
}

// unassignLocked takes its task from w, whose state the caller changes.
func (p *Pool) unassignLocked(w *worker, now time.Time) {
	p.usage.needed(p.busy, now)
	p.busy--
	w.release()
}

// Cancel interrupts the task seq if it runs; cancel_grace after the first time its worker is killed.
func (p *Pool) Cancel(seq uint64) {
	now := time.Now()
	var do action
	p.mu.Lock()
	for _, w := range p.workers {
		if w.task == nil || w.task.Seq != seq {
			continue
		}
		if w.interrupted && !w.killed {
			do = p.cancelLocked(w, now)
		} else {
			do = p.interruptLocked(w, asked, now)
		}
		break
	}
	p.mu.Unlock()
	do.run()
}
