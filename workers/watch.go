package workers

import "time"

// watchEvery is how often Run looks for tasks that have been running for as long, while
// tasks run: so each process is told after one to two times this.
const watchEvery = 50 * time.Millisecond

// watchOutLocked notes that a task was handed out. It costs nothing while tasks come one
// upon another.
func (p *Pool) watchOutLocked() {
	p.handedOut = true
	if p.watch.IsZero() {
		p.watch = time.Now().Add(watchEvery)
		p.wakeByLocked(p.watch)
	}
}

// watchLocked tells the processes of tasks that have been running for a while, each once.
// It comes to rest when nothing runs and nothing has since the last time.
func (p *Pool) watchLocked(now time.Time) (do action) {
	if p.watch.IsZero() || p.watch.After(now) {
		return nil
	}
	unwatched := false
	for _, w := range p.workers {
		if w.state != Busy || w.watched {
			continue
		}
		if !w.sent || now.Sub(w.started) < watchEvery {
			unwatched = true
			continue
		}
		w.watched = true
		proc := w.proc
		do = append(do, func() {
			if err := proc.Watch(); err != nil {
				p.log.Debug("task could not be watched", "worker", w.id, "err", err)
			}
		})
	}
	p.watch = time.Time{}
	if unwatched || p.handedOut {
		p.watch = now.Add(watchEvery)
	}
	p.handedOut = false
	return do
}
