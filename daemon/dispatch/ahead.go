package dispatch

// handAhead gives queued tasks to workers that may begin them by themselves, until none takes
// more. They stay queued. One that shares a bound waits for its like and is not handed ahead;
// those behind it wait for it.
func (d *Dispatcher) handAhead() {
	for t := d.line.next(); t != nil && t.gate == nil && d.runner.Ahead(t.seq, t.message); t = d.line.next() {
		d.line.leave(t)
		t.ahead = true
		d.running[t.seq] = t
	}
}

// beganAhead notes that a worker has begun by itself what it was handed ahead.
func (d *Dispatcher) beganAhead(t *task, worker int) {
	d.began(t, worker)
	if t.doomed {
		d.runner.Cancel(t.seq)
	}
}

// retract puts a task back into the line that was handed ahead and never began; or ends it, if
// that was asked for while it could not be.
func (d *Dispatcher) retract(t *task) {
	t.ahead = false
	d.line.restore(t)
	if t.doomed {
		d.endWaiting(t)
		d.settle(t.twins)
	}
}

// endWaiting ends a task that was cancelled before it ran.
func (d *Dispatcher) endWaiting(t *task) {
	d.end(t, &Ended{Outcome: Cancelled, Detail: "cancelled before it ran"})
}
