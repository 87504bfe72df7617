package workers

import "time"

const (
	// startBound is how long a launch may take, and then the process until its
	// hello; the imports of a large project are in it.
	startBound = 2 * time.Minute
	// leaveBound is how long a worker that leaves may take until its process
	// has ended, before it is killed; unless the pool drains, the grace of a
	// cancelled task if that is longer.
	leaveBound = 10 * time.Second
	// killBound is how long a killed process may take to be reported as gone
	// before the pool gives it up.
	killBound = 10 * time.Second
	// firstRing and nextRing are how long after a cancel, and then again and
	// again, its signal is repeated for as long as the task runs.
	firstRing = 100 * time.Millisecond
	nextRing  = time.Second
)

// action is what must happen once the pool's lock is free.
type action []func()

func (a action) run() {
	for _, f := range a {
		f()
	}
}

// expireLocked handles every worker whose deadline has come.
func (p *Pool) expireLocked(now time.Time) (do action) {
	for w := p.due.expired(now); w != nil; w = p.due.expired(now) {
		switch {
		case w.killed:
			do = append(do, p.giveUpLocked(w)...)
		case w.state == Starting:
			do = append(do, p.failedStartLocked(w, "it was not ready after "+startBound.String(), now)...)
			do = append(do, p.killLocked(w, "it was not ready in time", now)...)
		case w.state == Busy && w.cause == none:
			do = append(do, p.interruptLocked(w, expired, now)...)
		case w.state == Busy && now.Before(w.mercy):
			do = append(do, p.ringLocked(w, now)...)
		case w.state == Busy:
			do = append(do, p.killLocked(w, "its task did not end in its grace", now)...)
		default:
			do = append(do, p.killLocked(w, "it did not leave in time", now)...)
		}
	}
	return do
}

// interruptLocked cancels the running task softly and sets the moment of the kill.
func (p *Pool) interruptLocked(w *worker, why cause, now time.Time) action {
	if w.state != Busy || w.killed || w.interrupted {
		return nil
	}
	w.cause = why
	if !w.sent {
		return nil // handed comes back to it: a cancel must not overtake its task
	}
	w.interrupted = true
	w.mercy = now.Add(p.cfg.CancelGrace)
	return p.cancelLocked(w, now)
}

// cancelLocked tells the worker to interrupt its task. Each request to cancel does so once:
// a task may have outlived an earlier one. Cause and mercy stay those of the first.
func (p *Pool) cancelLocked(w *worker, now time.Time) action {
	p.dueLocked(w, earlier(now.Add(firstRing), w.mercy))
	proc, t, why := w.proc, w.task, w.cause
	return action{func() {
		p.log.Info("task is interrupted", "worker", w.id, "uuid", t.UUID, "task", t.Name, "cause", string(why))
		if err := proc.Cancel(t.Seq); err != nil {
			p.log.Warn("task could not be interrupted", "worker", w.id, "uuid", t.UUID, "err", err)
		}
	}}
}

// ringLocked makes sure that a task which still runs has heard of its cancel.
func (p *Pool) ringLocked(w *worker, now time.Time) action {
	p.dueLocked(w, earlier(now.Add(nextRing), w.mercy))
	proc := w.proc
	return action{func() {
		if err := proc.Ring(); err != nil {
			p.log.Debug("cancel could not be repeated", "worker", w.id, "err", err)
		}
	}}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// stopLocked asks a worker that runs nothing to leave.
func (p *Pool) stopLocked(w *worker, now time.Time) action {
	w.asked = true
	if w.proc == nil {
		p.moveLocked(w, Stopping)
		return nil // launched comes back to it
	}
	p.leaveLocked(w, now)
	proc := w.proc
	return action{func() {
		if err := proc.Stop(); err != nil {
			p.log.Debug("worker could not be asked to stop", "worker", w.id, "err", err)
		}
	}}
}

// leaveLocked notes that w takes no further task and is about to end.
func (p *Pool) leaveLocked(w *worker, now time.Time) {
	p.moveLocked(w, Stopping)
	if w.killed {
		return
	}
	bound := leaveBound
	if !p.draining { // what the project does on_shutdown may take its time
		bound = max(bound, p.cfg.CancelGrace)
	}
	p.dueLocked(w, now.Add(bound))
}

// killLocked ends the worker's process and all that it started. A task that it
// runs, whose cause is set by then, ends when the process has.
func (p *Pool) killLocked(w *worker, why string, now time.Time) action {
	if w.killed {
		return nil
	}
	w.killed = true
	p.counts.Killed++
	if w.state != Busy {
		p.moveLocked(w, Stopping)
	}
	p.dueLocked(w, now.Add(killBound))
	proc, log := w.proc, p.log.With("worker", w.id, "reason", why)
	var event []any
	if t := w.task; t != nil {
		log = log.With("uuid", t.UUID, "task", t.Name)
		if w.cause != broke {
			event = []any{"event", "task-killed"}
		}
	}
	return action{func() {
		log.Warn("worker is killed", event...)
		if err := proc.Kill(); err != nil {
			log.Error("worker could not be killed", "err", err)
		}
	}}
}

// giveUpLocked lets go of a process that outlived its kill.
func (p *Pool) giveUpLocked(w *worker) action {
	proc := w.proc
	return action{func() {
		p.log.Error("worker process does not end although it was killed; it is given up", "worker", w.id)
		proc.Close()
	}}
}

// brokenLocked is a report that does not fit the worker's state: it cannot be
// trusted with a task any more.
func (p *Pool) brokenLocked(w *worker, report string, now time.Time) action {
	if w.killed {
		return nil
	}
	state := w.state
	do := action{func() {
		p.log.Error("worker broke the protocol", "worker", w.id, "report", report, "state", string(state))
	}}
	if w.useless(now) {
		do = append(do, p.failedStartLocked(w, "it broke the protocol", now)...)
	}
	if state == Busy && w.cause == none {
		w.cause = broke
	}
	return append(do, p.killLocked(w, "it broke the protocol", now)...)
}
