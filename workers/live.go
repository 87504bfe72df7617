package workers

import (
	"cmp"
	"context"
	"log/slog"
	"time"
)

// live is one worker's life: it starts the process and handles its reports to the last.
func (p *Pool) live(starts context.Context, w *worker) {
	ctx, cancel := context.WithTimeout(starts, startBound)
	proc, err := p.launch.Launch(ctx, w.id)
	cancel()
	if err != nil {
		p.notStarted(w, err)
		return
	}
	p.launched(w, proc)
	p.follow(w, proc)
}

// follow handles what the process says, to the last.
func (p *Pool) follow(w *worker, proc Process) {
	for {
		r := proc.Receive()
		switch r.Kind {
		case Hello:
			p.hello(w)
		case Done:
			p.done(w, r)
		case Asked:
			p.asked(w, r)
		case Leaving:
			p.leaving(w, r)
		case Exited:
			p.exited(w, r)
			return
		default:
			p.broken(w, "of no known kind")
		}
	}
}

// launched notes the process; a pool that began to drain meanwhile stops it.
func (p *Pool) launched(w *worker, proc Process) {
	now, pid := time.Now(), proc.PID()
	var do action
	p.mu.Lock()
	w.proc, w.pid = proc, pid
	if p.lettingGo && p.draining {
		do = action{proc.Close}
	} else if w.state == Stopping {
		do = p.stopLocked(w, now)
		p.poke() // it may have to be killed at once
	} else {
		p.dueLocked(w, now.Add(startBound))
	}
	p.mu.Unlock()
	p.log.Debug("worker process started", "worker", w.id, "pid", pid)
	do.run()
}

// notStarted is a launch that failed, or that a drain gave up.
func (p *Pool) notStarted(w *worker, err error) {
	now := time.Now()
	var do action
	p.mu.Lock()
	if w.state == Starting {
		do = p.failedStartLocked(w, err.Error(), now)
		p.removeLocked(w, Errored)
		p.buryLocked(w, err.Error(), now)
	} else {
		p.removeLocked(w, Retired)
	}
	p.mu.Unlock()
	do.run()
}

// hello is a worker's first word: it can take tasks.
func (p *Pool) hello(w *worker) {
	now := time.Now()
	var do action
	free := false
	p.mu.Lock()
	switch w.state {
	case Starting:
		p.readyToWorkLocked(w, now)
		do = p.returnLocked(w, p.shareLocked())
		free = true
	case Stopping: // it was told to leave before it was ready, and will
	default:
		do = p.brokenLocked(w, "hello", now)
	}
	p.mu.Unlock()
	do.run()
	if free {
		p.report(Event{Kind: WorkerFree, Worker: w.id})
	}
}

// readyToWorkLocked begins the useful part of a worker's life.
func (p *Pool) readyToWorkLocked(w *worker, now time.Time) {
	p.due.clear(w)
	p.backoff.greeted(now)
	if p.backoff.loop {
		p.wakeByLocked(p.backoff.calm)
	}
	p.counts.Started++
	w.greeted, w.retire = now, p.retirement(now)
	p.usage.needed(p.usable, now)
	p.tidyByLocked(now.Add(p.cfg.ScaledownWait))
	p.tidyByLocked(w.retire)
	p.moveLocked(w, Ready)
}

// done is the end of the worker's task.
func (p *Pool) done(w *worker, r Report) {
	now := time.Now()
	p.mu.Lock()
	unheard := p.skipLocked(w, r.Seq, now)
	if w.state != Busy || w.task.Seq != r.Seq || r.Begins && len(w.ahead) == 0 {
		p.mu.Unlock()
		p.broken(w, "done")
		return
	}
	e := w.ended(r)
	w.noteRun(r)
	var do action
	if r.Begins {
		e.Next = p.goOnLocked(w, now)
	} else {
		e.Tasks = p.takeBackLocked(w)
		// One that was adopted has been asked to leave already.
		do = p.freeLocked(w, r.Stopping || w.adopted, now)
		if w.state == Ready {
			e.Tasks = append(e.Tasks, p.shareLocked()...)
		}
		p.returning += len(e.Tasks)
	}
	do = append(do, p.workedLocked(w)...)
	p.counts.add(e.Outcome)
	p.mu.Unlock()
	do.run()
	for _, before := range unheard {
		p.report(before)
	}
	p.report(e)
}

// freeLocked takes the task from w, which goes on to the next one, or leaves.
func (p *Pool) freeLocked(w *worker, leaves bool, now time.Time) action {
	p.unassignLocked(w, now)
	w.finished++
	if leaves || w.killed {
		p.leaveLocked(w, now)
		return nil
	}
	p.due.clear(w)
	switch {
	case p.draining:
		return p.stopLocked(w, now)
	case w.aged(now) || w.outdated:
		return p.retireLocked(w, now)
	case p.usable > p.cfg.MaxWorkers:
		return p.stopLocked(w, now)
	}
	p.moveLocked(w, Ready)
	if p.usable > p.cfg.MinWorkers {
		p.tidyByLocked(now.Add(p.cfg.ScaledownWait))
	}
	return nil
}

// asked is a control request of the running task.
func (p *Pool) asked(w *worker, r Report) {
	p.mu.Lock()
	t := w.task
	p.mu.Unlock()
	if t == nil {
		p.log.Warn("control request of a worker that runs no task is ignored", "worker", w.id, "command", r.Command)
		return
	}
	p.report(Event{
		Kind: ControlRequest, Worker: w.id, Task: t,
		Request: r.Seq, Command: r.Command, Data: r.Data,
	})
}

// leaving is a worker that will read no further task. One that it was given
// meanwhile has not been begun and goes back.
func (p *Pool) leaving(w *worker, r Report) {
	now := time.Now()
	var e Event
	var do action
	p.mu.Lock()
	unheard := p.skipAllLocked(w, now)
	state := w.state
	w.left, w.reason = true, r.Reason
	// A task that it has not begun proves nothing for it.
	if w.useless(now) || state == Busy && w.unproven(now) {
		do = p.failedStartLocked(w, cmp.Or(r.Reason, "it left while it was "+string(state)+" and had run no task"), now)
	}
	do = append(do, p.returnLocked(w, p.leftAheadLocked(w))...)
	if state == Busy {
		if e = w.returned(); w.adopted {
			e = w.untold(now)
		}
		p.returning += len(e.Tasks)
		p.unassignLocked(w, now)
		p.counts.add(e.Outcome)
	}
	if state != Stopping { // else it is what the worker was asked for
		p.leaveLocked(w, now)
	}
	p.mu.Unlock()
	do.run()
	for _, before := range unheard {
		p.report(before)
	}
	if state == Busy {
		p.report(e)
	}
}

// broken is a report that does not fit the worker's state.
func (p *Pool) broken(w *worker, report string) {
	p.mu.Lock()
	do := p.brokenLocked(w, report, time.Now())
	p.mu.Unlock()
	do.run()
}

// exited is the end of the worker's process; nothing of it is left.
func (p *Pool) exited(w *worker, r Report) {
	now := time.Now()
	level := slog.LevelWarn
	var e Event
	var do action
	p.mu.Lock()
	if p.lettingGo && !w.killed {
		do = p.letGoLocked(w)
		p.mu.Unlock()
		do.run()
		return
	}
	unheard := p.skipAllLocked(w, now)
	state := w.state
	end, exit := w.end(r)
	switch {
	case state == Starting && w.reason == "":
		do = p.failedStartLocked(w, "it ended before it was ready: "+exit, now)
	case w.useless(now):
		do = p.failedStartLocked(w, exit, now)
	case w.crashed(r) && !p.draining:
		do = p.crashedLocked(w, exit, now)
	}
	do = append(do, p.returnLocked(w, p.leftAheadLocked(w))...)
	if state == Busy {
		e = w.died(r, now)
		p.unassignLocked(w, now)
		p.counts.add(e.Outcome)
	}
	if w.failed || w.killed || state == Stopping && r.Clean {
		level = slog.LevelDebug // it is no surprise, or told already
	}
	p.removeLocked(w, end)
	p.buryLocked(w, exit, now)
	p.mu.Unlock()
	do.run()
	p.log.Log(context.Background(), level, "worker ended", "worker", w.id, "state", string(state), "exit", exit)
	for _, before := range unheard {
		p.report(before)
	}
	if state == Busy {
		p.report(e)
	}
}

// moveLocked changes w's state and what depends on it; a worker gets busy in
// take alone. A worker that is of no use any more may have to be replaced.
func (p *Pool) moveLocked(w *worker, to State) {
	if w.state == Ready && to != Ready {
		p.notIdleLocked(w)
	}
	if w.state.takesTasks() && !to.takesTasks() {
		p.usable--
		w.departed = p.nextID
		p.poke()
	}
	w.state = to
	if to == Ready {
		p.idle = append(p.idle, w)
	}
}

// removeLocked takes w, which has come to its end, out of the pool; there is room for another.
func (p *Pool) removeLocked(w *worker, end State) {
	p.due.clear(w)
	p.moveLocked(w, end)
	delete(p.workers, w.id)
	p.poke()
}

func (p *Pool) notIdleLocked(w *worker) {
	for i, other := range p.idle {
		if other == w {
			p.idle = append(p.idle[:i:i], p.idle[i+1:]...)
			return
		}
	}
}
