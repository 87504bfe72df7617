package workers

import "time"

// Hurry shortens a drain: the first call cancels what still runs, the next kills it.
func (p *Pool) Hurry() {
	p.mu.Lock()
	p.hurried++
	p.mu.Unlock()
	p.poke()
}

// drain begins the end: nothing new is taken, idle workers leave at once.
func (p *Pool) drain() {
	now := time.Now()
	p.mu.Lock()
	p.draining, p.giveUp = true, now.Add(p.cfg.ShutdownGrace)
	var do action
	for _, w := range p.workers {
		do = append(do, p.returnLocked(w, p.takeBackLocked(w))...)
		if w.state == Ready || w.state == Starting {
			do = append(do, p.stopLocked(w, now)...)
		}
	}
	p.mu.Unlock()
	do.run()
}

// endTasksLocked interrupts what still runs when the drain's grace is over or
// somebody is in a hurry, and kills it when somebody is in a great hurry.
func (p *Pool) endTasksLocked(now time.Time) (do action) {
	if p.giveUp.After(now) && p.hurried == 0 {
		return nil
	}
	p.giveUp = time.Time{}
	for _, w := range p.workers {
		if w.state == Busy && w.cause == none {
			do = append(do, p.interruptLocked(w, shutdown, now)...)
		}
		if p.hurried > 1 && w.proc != nil {
			do = append(do, p.killLocked(w, "the service is stopping in a hurry", now)...)
		}
	}
	return do
}
