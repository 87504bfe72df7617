package workers

import (
	"cmp"
	"context"
	"log/slog"
	"time"
)

// failedStartLocked notes a worker that never was of use: the next start waits,
// longer each time.
func (p *Pool) failedStartLocked(w *worker, reason string, now time.Time) action {
	p.counts.FailedStarts++
	return p.failedLocked(w, reason, now)
}

// crashedLocked notes a worker that has worked and whose process ended by itself
// between tasks. The death of a worker under its task is no crash: the task may be to
// blame, is reported, and is not run again, so there is nothing to hold back.
func (p *Pool) crashedLocked(w *worker, reason string, now time.Time) action {
	if !p.backoff.crashed(w.id, cmp.Or(w.departed, p.nextID), now) {
		return nil
	}
	return p.failedLocked(w, reason, now)
}

// failedLocked holds the next start back and says so. Of many that fail together one is
// loud enough.
func (p *Pool) failedLocked(w *worker, reason string, now time.Time) action {
	w.failed = true
	level, text := slog.LevelDebug, "worker could not be started"
	if !w.greeted.IsZero() {
		text = "worker ended by itself"
	}
	if p.backoff.failed(reason, p.nextID, now) {
		level = slog.LevelError
	}
	wait := p.backoff.until.Sub(now)
	do := action{func() {
		p.log.Log(context.Background(), level, text, "worker", w.id,
			"err", reason, "next_try_in", wait.Round(time.Millisecond))
	}}
	if p.backoff.recognise() {
		failures := p.backoff.failures
		do = append(do, func() {
			p.log.Error("workers fail again and again, which is a crash loop", "failures", failures, "err", reason, "event", "crash-loop")
		})
	}
	return do
}

// workedLocked notes that w has ended another task. One that has come back for a second
// has been through everything that a worker class does around the first.
func (p *Pool) workedLocked(w *worker) action {
	if w.finished < 2 || !p.backoff.proven(w.id) {
		return nil
	}
	return p.crashLoopOver()
}

// calmLocked ends a crash loop when nothing has failed for a while although a worker
// is there that was started since.
func (p *Pool) calmLocked(now time.Time) action {
	b := &p.backoff
	if !b.loop || b.calm.IsZero() || b.calm.After(now) {
		return nil
	}
	b.calm = time.Time{}
	for _, w := range p.workers {
		if (w.state == Ready || w.state == Busy) && b.proven(w.id) {
			return p.crashLoopOver()
		}
	}
	return nil
}

func (p *Pool) crashLoopOver() action {
	return action{func() { p.log.Info("the crash loop is over", "event", "crash-loop-over") }}
}
