package workers

import "time"

// Use has another configuration count from now on. No task is touched: a pool that is too
// large shrinks by its idle workers, and by the others as they become idle.
func (p *Pool) Use(cfg Config) {
	now := time.Now()
	var do action
	p.mu.Lock()
	lifetime := cfg.WorkerMaxLifetime != p.cfg.WorkerMaxLifetime
	p.cfg = cfg
	for _, w := range p.workers {
		if lifetime && !w.greeted.IsZero() {
			w.retire = p.retirement(w.greeted)
		}
	}
	if !p.draining {
		for len(p.idle) > 0 && p.usable > cfg.MaxWorkers {
			do = append(do, p.stopLocked(p.idle[0], now)...)
		}
	}
	p.tidyByLocked(now)
	p.mu.Unlock()
	do.run()
	p.poke()
}

// Replace has every worker that is there replaced, since others would be started now:
// idle ones at once, so that no task begins in them any more, busy ones after their task.
// The starts of the new ones are not held back by what went wrong with the old ones.
func (p *Pool) Replace() {
	now := time.Now()
	var do action
	p.mu.Lock()
	for _, w := range p.workers {
		w.outdated = true
		do = append(do, p.returnLocked(w, p.takeBackLocked(w))...)
		if w.state == Ready || w.state == Starting {
			do = append(do, p.retireLocked(w, now)...)
		}
	}
	p.backoff = backoff{}
	p.mu.Unlock()
	do.run()
	p.poke()
}
