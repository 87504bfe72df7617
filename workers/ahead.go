package workers

import (
	"slices"
	"time"
)

const (
	// quick is how long a task may take for its worker to be handed others ahead, and quickRuns how
	// many such tasks it must have run one after the other.
	quick     = time.Millisecond
	quickRuns = 3
	// maxAhead is the largest HandAhead: what a lane holds (supervisor.MaxAhead).
	maxAhead = 16
	// stall is how long a task may run before those behind it are taken back.
	stall = 5 * time.Millisecond
)

// Ahead hands t to a busy worker that may begin it by itself when its own task has ended: one
// whose last tasks were quick, and only when no worker is free or could be started. Until it
// begins, which the end of the task before it tells, the worker may have to give it back. ok is
// false when there is no such worker.
func (p *Pool) Ahead(t *Task) (ok bool) {
	if t.Timeout > 0 || t.Limits != "" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) > 0 || p.usable < p.cfg.MaxWorkers || p.draining || p.returning > 0 {
		return false
	}
	now := time.Now()
	for len(p.hungry) > 0 {
		w := p.hungry[0]
		if w.takesAhead(now) && len(w.ahead) < p.cfg.HandAhead && w.proc.Ahead(t) {
			w.ahead = append(w.ahead, t)
			p.parked++
			p.stallLocked(now)
			return true
		}
		w.hungry = false
		p.hungry[0] = nil
		p.hungry = p.hungry[1:]
	}
	return false
}

// takesAhead says whether another task may wait behind the one that w runs.
func (w *worker) takesAhead(now time.Time) bool {
	return w.state == Busy && w.streak >= quickRuns && w.cause == none && !w.killed && !w.asked && !w.outdated &&
		!w.aged(now) && w.task.Limits == ""
}

// feedLocked notes that w could be handed tasks ahead. It is when half of them are gone: so several
// are handed over at once.
func (p *Pool) feedLocked(w *worker) {
	if !w.hungry && 2*len(w.ahead) <= p.cfg.HandAhead && w.streak >= quickRuns {
		w.hungry = true
		p.hungry = append(p.hungry, w)
	}
}

// TakeBack takes back, of all the tasks that were handed ahead, those that have not begun.
func (p *Pool) TakeBack() (back []*Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.workers {
		back = append(back, p.takeBackLocked(w)...)
	}
	return back
}

// takeBackLocked takes back those of one worker, which gets no others before it has earned it
// again. What is left over in w.ahead has begun, or is about to.
func (p *Pool) takeBackLocked(w *worker) []*Task {
	if len(w.ahead) == 0 || w.adopted {
		return nil
	}
	w.streak = 0
	seqs := w.proc.TakeBack()
	var back []*Task
	w.ahead = slices.DeleteFunc(w.ahead, func(t *Task) bool {
		taken := slices.Contains(seqs, t.Seq)
		if taken {
			back = append(back, t)
		}
		return taken
	})
	p.parked -= len(back)
	return back
}

// leftAheadLocked returns what a worker has not begun that says no more. It begins a task behind
// the word that the one before it has ended, so that is all of it.
func (p *Pool) leftAheadLocked(w *worker) []*Task {
	if w.adopted {
		return nil // those have begun: see skipAllLocked
	}
	left := w.ahead
	w.ahead = nil
	p.parked -= len(left)
	return left
}

// goOnLocked gives w, whose task has ended, the one that it has begun by itself.
func (p *Pool) goOnLocked(w *worker, now time.Time) *Task {
	t := w.ahead[0]
	w.ahead = slices.Delete(w.ahead, 0, 1)
	p.parked--
	w.release()
	w.assign(t, now)
	w.sent = true
	w.finished++
	p.handedOut = true
	p.feedLocked(w)
	return t
}

// skipAllLocked passes over all but the last task of an adopted worker that says no more: it had got
// them one after the other.
func (p *Pool) skipAllLocked(w *worker, now time.Time) (unheard []Event) {
	if w.adopted && w.state == Busy && len(w.ahead) > 0 {
		unheard = p.skipLocked(w, w.ahead[len(w.ahead)-1].Seq, now)
	}
	return unheard
}

// skipLocked passes over the tasks of an adopted worker whose ends were told to an earlier daemon:
// the one that has ended now came behind them.
func (p *Pool) skipLocked(w *worker, seq uint64, now time.Time) (unheard []Event) {
	is := func(t *Task) bool { return t.Seq == seq }
	for w.adopted && w.state == Busy && !is(w.task) && slices.ContainsFunc(w.ahead, is) {
		unheard = append(unheard, w.untold(now))
		p.goOnLocked(w, now)
	}
	return unheard
}

// Requeued says that n tasks are queued again that the pool has returned. Until it has heard so
// of all of them it hands nothing out, lest another one overtakes them.
func (p *Pool) Requeued(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.returning -= n
}

// returnLocked has the tasks go back to where they came from.
func (p *Pool) returnLocked(w *worker, tasks []*Task) action {
	if len(tasks) == 0 {
		return nil
	}
	p.returning += len(tasks)
	return action{func() { p.report(Event{Kind: TaskReturned, Worker: w.id, Tasks: tasks}) }}
}

// shareLocked takes back what a worker was handed ahead, now that another one has become free and
// nothing else waits for it.
func (p *Pool) shareLocked() (back []*Task) {
	if p.parked == 0 || p.waiting > 0 {
		return nil
	}
	var most *worker
	for _, other := range p.workers {
		if len(other.ahead) > 0 && !other.adopted && (most == nil || len(other.ahead) > len(most.ahead)) {
			most = other
		}
	}
	if most == nil {
		return nil
	}
	streak := most.streak
	back = p.takeBackLocked(most)
	most.streak = streak // it is no fault of its own
	return back
}

// stallLocked makes sure that Run looks for tasks that hold others up.
func (p *Pool) stallLocked(now time.Time) {
	if p.stalled.IsZero() {
		p.stalled = now.Add(stall)
		p.wakeByLocked(p.stalled)
	}
}

// unstallLocked takes back what waits behind a task that is not quick.
func (p *Pool) unstallLocked(now time.Time) (do action) {
	if p.stalled.IsZero() || p.stalled.After(now) {
		return nil
	}
	p.stalled = time.Time{}
	for _, w := range p.workers {
		if len(w.ahead) == 0 {
			continue
		}
		if now.Sub(w.started) >= stall {
			do = append(do, p.returnLocked(w, p.takeBackLocked(w))...)
			continue
		}
		p.stalled = now.Add(stall)
	}
	return do
}
