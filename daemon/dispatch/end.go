package dispatch

import "log/slog"

// end takes t out of wherever it is, counts, logs and reports it. If it has twins
// they must be settled afterwards.
func (d *Dispatcher) end(t *task, e *Ended) {
	was := t.state
	d.take(t, e)
	d.logEnd(t, was, e)
	d.report(t, e)
}

// take takes t out of wherever it is, and counts it.
func (d *Dispatcher) take(t *task, e *Ended) {
	switch t.state {
	case Running:
		delete(d.running, t.seq)
		t.twins.active--
	case Queued:
		if t.ahead {
			delete(d.running, t.seq)
		}
		t.twins.active--
	case Blocked:
		t.twins.blocked.remove(&t.twin)
	case Delayed:
		d.delays.remove(t)
	}
	d.counts[e.Outcome]++
	d.move(t, ended)
	if t.request == nil {
		d.timings.ended(t, e)
	}
	e.Seq, e.UUID, e.Task, e.Worker = t.seq, t.message.UUID, t.message.Task, t.worker
	e.At, e.QueueTime = d.now, t.waited
}

// report has the end of t recorded, and then tells whoever waits for it.
func (d *Dispatcher) report(t *task, e *Ended) {
	if d.recorder != nil && t.request == nil {
		d.recorder.Record(e)
	}
	if t.watch == nil {
		return
	}
	select {
	case t.watch <- *e:
	default:
		d.log.Error("nobody takes the end of a watched task; this is a bug", "uuid", e.UUID, "task", e.Task)
	}
}

// leave forgets what runs: it goes on, and the next daemon reports its end.
func (d *Dispatcher) leave() {
	for _, t := range d.running {
		if t.ahead { // it could not be taken back
			d.move(t, Running)
		}
	}
	var uuids []string
	count := d.lists[Running].n
	for t := d.lists[Running].first; t != nil; t = d.lists[Running].first {
		if len(uuids) < namedAtEnd {
			uuids = append(uuids, t.task.message.UUID)
		}
		delete(d.running, t.task.seq)
		d.move(t.task, ended)
	}
	if count > 0 {
		d.log.Info("running tasks go on without this daemon", "count", count, "uuids", uuids)
	}
}

// namedAtEnd bounds how many uuids the last log line lists.
const namedAtEnd = 100

// abandon is the end of Run: it takes what was still accepted, names all that
// has not ended in one log line, and ends it.
func (d *Dispatcher) abandon() {
	d.begin()
	d.stopping = true
	d.apply(d.inbox.close())

	var total, named int
	var attrs []any
	if d.leaving {
		d.leave()
	}
	for state := Running; state < ended; state++ {
		list := &d.lists[state]
		count := list.n
		var uuids []string
		for list.first != nil {
			t := list.first.task
			if named < namedAtEnd {
				uuids = append(uuids, t.message.UUID)
				named++
			}
			e := &Ended{Outcome: Abandoned, Detail: "the dispatcher ended while the task was " + state.String()}
			d.take(t, e)
			d.report(t, e)
		}
		if count > 0 {
			total += count
			attrs = append(attrs, slog.Group(state.String(), "count", count, "uuids", uuids))
		}
	}
	if total > 0 {
		d.log.Warn("tasks are abandoned", append([]any{"count", total}, attrs...)...)
	}
}
