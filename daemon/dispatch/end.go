package dispatch

import "log/slog"

// end takes t out of wherever it is, counts and reports it. If it has twins
// they must be settled afterwards.
func (d *Dispatcher) end(t *task, e Ended) {
	switch t.state {
	case Running:
		delete(d.running, t.seq)
		t.twins.active--
	case Queued:
		t.twins.active--
	case Blocked:
		t.twins.blocked.remove(&t.twin)
	case Delayed:
		d.delays.remove(t)
	}
	e.Seq, e.UUID, e.Task, e.Worker = t.seq, t.message.UUID, t.message.Task, t.worker
	d.counts[e.Outcome]++
	d.logEnd(t, e)
	d.move(t, ended)
	if t.watch == nil {
		return
	}
	select {
	case t.watch <- e:
	default:
		d.log.Error("nobody takes the end of a watched task; this is a bug", "uuid", e.UUID, "task", e.Task)
	}
}

// logEnd writes the line about one task. Those that are abandoned share one
// line, and so do those that one request cancels before they ran.
func (d *Dispatcher) logEnd(t *task, e Ended) {
	log, was := d.log.Warn, t.state
	switch {
	case e.Outcome == Abandoned:
		return
	case e.Outcome == Succeeded && t.adopted: // the one trace of it in this daemon's log
		log = d.log.Info
	case e.Outcome == Succeeded, e.Outcome == Discarded, was != Running:
		log = d.log.Debug
	}
	log("task ended", "worker", e.Worker, "uuid", e.UUID, "task", e.Task,
		"outcome", e.Outcome, "run_seconds", e.RunTime.Seconds(), "err", e.Detail)
}

// leave forgets what runs: it goes on, and the next daemon reports its end.
func (d *Dispatcher) leave() {
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
			d.end(t, Ended{Outcome: Abandoned, Detail: "the dispatcher ended while the task was " + state.String()})
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
