package dispatch

import (
	"slices"
	"time"
)

// turn does whatever there is to do now, and answers question unless nil.
func (d *Dispatcher) turn(question func()) {
	d.begin()
	events := d.inbox.take(d.spare)
	d.apply(events)
	d.spare = reusable(events)
	for t := d.delays.pop(d.now); t != nil; t = d.delays.pop(d.now) {
		d.due(t)
	}
	d.handOut()
	if question != nil {
		question() // what a cancel lets go comes behind tasks for which no worker was free
	}
	d.tell()
	d.tellFull()
	d.alarm.set(d.now, d.delays.next(), d.lateAt())
	d.calm.Store(d.taking() && d.line.ready() == 0)
}

// begin takes the time, once a turn: all that happens in it happens at once.
func (d *Dispatcher) begin() { d.now = time.Now() }

func (d *Dispatcher) apply(events []event) {
	for _, e := range events {
		switch {
		case e.submitted != nil:
			d.accept(e.submitted)
		case e.ended != nil:
			d.finished(e.ended)
		case e.bounds != nil:
			d.takeBack(d.runner.TakeBack())
			d.line.rebuild(e.bounds, &d.lists[Queued], &d.lists[Running])
		default:
			d.requeue(e.returned)
		}
	}
}

// accept is the first thing that happens to a task.
func (d *Dispatcher) accept(t *task) {
	d.seq++
	t.seq = d.seq
	if t.held == 0 {
		d.end(t, &Ended{Outcome: Rejected, Detail: ErrFull.Error()})
		return
	}
	if t.message.Delay > 0 {
		d.delays.add(t)
		d.move(t, Delayed)
		return
	}
	d.admit(t)
}

// due goes on with what was delayed.
func (d *Dispatcher) due(t *task) {
	if t.request == nil {
		d.admit(t)
		return
	}
	d.end(t, &Ended{Outcome: CarriedOut})
	t.request()
}

// admit judges a task that has arrived, or whose delay is over.
func (d *Dispatcher) admit(t *task) {
	w := d.registry.of(t.message.Key)
	v, known := judge(t.message.OnDuplicate, w.active > 0, w.blocked.n > 0)
	if !known {
		d.log.Warn("unknown on_duplicate counts as parallel",
			"uuid", t.message.UUID, "task", t.message.Task, "on_duplicate", string(t.message.OnDuplicate))
	}
	switch v {
	case pass:
		t.twins = w
		w.active++
		d.move(t, Queued)
	case block:
		t.twins = w
		w.blocked.push(&t.twin)
		d.blocked++
		t.blockedAt = d.blocked
		d.move(t, Blocked)
	case discard:
		d.end(t, &Ended{Outcome: Discarded, Detail: "an equal task is waiting or running"})
	}
}

// handOut gives queued tasks to workers while there are free ones, and then ahead to busy ones.
func (d *Dispatcher) handOut() {
	for d.taking() {
		t := d.line.next()
		if t == nil {
			return
		}
		worker, ok := d.runner.TryRun(t.seq, t.message)
		if ok == (d.told > 0) {
			d.told = -1 // the runner has made a guess of its own
		}
		if !ok {
			d.handAhead()
			return
		}
		d.running[t.seq] = t
		d.began(t, worker)
	}
}

// began notes that a worker runs t.
func (d *Dispatcher) began(t *task, worker int) {
	t.worker = worker
	d.timings.began(t, d.now)
	d.move(t, Running)
}

// tell reports the length of the queue, to the runner and, when tasks are
// late, to the log.
func (d *Dispatcher) tell() {
	if !d.taking() {
		return
	}
	ready := d.line.ready() // those that wait for their like need no worker
	if ready != d.told {
		d.told = ready
		d.runner.Waiting(ready)
	}
	if waited, warn := d.backlog.note(ready, d.oldest(), d.now); warn {
		d.log.Warn("tasks wait for a free worker",
			"queued", ready, "running", d.lists[Running].n, "oldest_seconds", waited.Seconds(), "event", "queue-late")
	}
}

// lateAt is when tell must be called again although nothing happens; zero for never.
func (d *Dispatcher) lateAt() time.Time {
	if !d.taking() {
		return time.Time{}
	}
	return d.backlog.wake(d.line.ready(), d.oldest())
}

// oldest is since when the next task has been queued; zero if there is none.
func (d *Dispatcher) oldest() time.Time {
	if t := d.line.next(); t != nil {
		return t.since
	}
	return time.Time{}
}

// finished ends a task that ran, and lets an equal one go that waited for it.
func (d *Dispatcher) finished(e *Ended) {
	d.requeue(e.Back)
	t := d.running[e.Seq]
	if t == nil {
		d.log.Error("a task ended that is not running; this is a bug",
			"seq", e.Seq, "worker", e.Worker, "outcome", e.Outcome, "err", e.Detail)
		return
	}
	t.timing.Run.add(e.RunTime)
	worker, next := e.Worker, e.Next
	d.end(t, e)
	d.settle(t.twins)
	if t := d.running[next]; t != nil && t.ahead {
		d.beganAhead(t, worker)
	}
}

// requeue takes back what the runner has returned, and tells it so.
func (d *Dispatcher) requeue(seqs []uint64) {
	if len(seqs) > 0 {
		d.takeBack(seqs)
		d.runner.Requeued(len(seqs))
	}
}

// takeBack queues tasks again that their worker never began. They stay active:
// nothing changes for their equals.
func (d *Dispatcher) takeBack(seqs []uint64) {
	for _, seq := range slices.Backward(seqs) {
		t := d.running[seq]
		if t == nil {
			d.log.Error("a task was returned that is not running; this is a bug", "seq", seq)
			continue
		}
		delete(d.running, seq)
		if t.ahead {
			d.retract(t)
			continue
		}
		d.move(t, Queued)
		d.lists[Queued].remove(&t.place)
		d.lists[Queued].pushFront(&t.place)
		d.line.rejoin(t)
		t.worker = -1
	}
}

// settle lets the next blocked one of w go if none of them is active.
func (d *Dispatcher) settle(w *twins) {
	if t := d.registry.settle(w); t != nil {
		d.move(t, Queued)
	}
}

// move changes the state of t.
func (d *Dispatcher) move(t *task, to State) {
	d.count(t, to)
	if t.state != arriving {
		d.lists[t.state].remove(&t.place)
	}
	switch t.state {
	case Queued:
		if !t.ahead {
			d.line.leave(t)
		}
		t.ahead = false
		t.waited += d.now.Sub(t.since)
	case Running:
		d.line.stopped(t)
	}
	t.state, t.since = to, d.now
	if to != ended {
		d.lists[to].push(&t.place)
	}
	switch to {
	case Queued:
		d.line.join(t)
	case Running:
		d.line.began(t)
	}
}

// reusable empties a slice of events for its next use, unless a burst made it large.
func reusable(events []event) []event {
	if cap(events) > 4096 {
		return nil
	}
	clear(events)
	return events[:0]
}
