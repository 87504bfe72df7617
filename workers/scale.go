package workers

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"
)

// load is what the size of the pool depends on.
type load struct {
	busy    int // workers that run a task
	waiting int // tasks that wait for a worker
	usable  int // workers that take tasks now or soon
	alive   int // workers whose process is there, those that leave included
}

// grow says how many workers to start: demand for n more starts n at once, and
// there are never more than the maximum, leaving ones included.
func grow(cfg Config, l load) int {
	wanted := min(max(l.busy+l.waiting, cfg.MinWorkers), cfg.MaxWorkers)
	return max(0, min(wanted-l.usable, cfg.MaxWorkers-l.alive))
}

// usage remembers when how many workers were last needed at once.
type usage struct {
	last []time.Time // last[n]: when n workers were last busy, or the n-th began
}

// needed notes that n workers were needed until now.
func (u *usage) needed(n int, now time.Time) {
	for len(u.last) <= n {
		u.last = append(u.last, now)
	}
	u.last[n] = now
}

// surplus says how many of the usable workers have not been needed for the
// configured time, and when to look again; zero time means not before
// something changes. Those that run or are to run a task are needed, and the reserve
// beyond them is kept.
func (u *usage) surplus(cfg Config, l load, now time.Time) (n int, again time.Time) {
	least := max(cfg.MinWorkers, l.busy+l.waiting+min(cfg.ScaledownReserve, l.usable))
	for size := l.usable; size > least; size-- {
		if size >= len(u.last) {
			u.needed(size, now)
		}
		if due := u.last[size].Add(cfg.ScaledownWait); due.After(now) {
			return n, due
		}
		n++
	}
	return n, time.Time{}
}

// Waiting tells the pool how many tasks wait for a worker, so that it can grow.
func (p *Pool) Waiting(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting = n
	if grow(p.cfg, p.loadLocked()) > 0 {
		p.poke()
	}
}

func (p *Pool) loadLocked() load {
	return load{busy: p.busy, waiting: p.waiting, usable: p.usable, alive: len(p.workers)}
}

// growLocked starts as many workers as are wanted.
func (p *Pool) growLocked(starts context.Context, now time.Time) {
	if p.waits || p.backoff.until.After(now) {
		return
	}
	for range grow(p.cfg, p.loadLocked()) {
		w := newWorker(p.nextID, now)
		p.nextID++
		p.workers[w.id] = w
		p.usable++
		p.living.Go(func() { p.live(starts, w) })
	}
}

// tidyLocked stops workers that are too old or have not been needed for a while.
func (p *Pool) tidyLocked(now time.Time) (do action) {
	if p.tidy.IsZero() || p.tidy.After(now) {
		return nil
	}
	for _, w := range slices.Clone(p.idle) {
		if w.aged(now) {
			do = append(do, p.retireLocked(w, now)...)
		}
	}
	n, again := p.usage.surplus(p.cfg, p.loadLocked(), now)
	for ; n > 0 && len(p.idle) > p.waiting; n-- {
		do = append(do, p.stopLocked(p.idle[0], now)...)
	}
	p.tidy = again
	if n > 0 && len(p.idle) > 0 { // tasks that wait are about to get them, or to go
		p.tidyByLocked(now.Add(time.Second))
	}
	for _, w := range p.workers {
		if w.retire.After(now) {
			p.tidyByLocked(w.retire)
		}
	}
	return do
}

// tidyByLocked makes sure that tidyLocked runs at t; a zero t asks for nothing.
func (p *Pool) tidyByLocked(t time.Time) {
	if !t.IsZero() && (p.tidy.IsZero() || t.Before(p.tidy)) {
		p.tidy = t
		p.wakeByLocked(t)
	}
}

// retireLocked stops a worker that is too old.
func (p *Pool) retireLocked(w *worker, now time.Time) action {
	p.counts.Retired++
	return p.stopLocked(w, now)
}

// retirement is when a worker that is ready now will be too old: after
// worker_max_lifetime less up to a tenth, so that workers that were started
// together do not leave together. Zero is never.
func (p *Pool) retirement(now time.Time) time.Time {
	lifetime := p.cfg.WorkerMaxLifetime
	if lifetime == 0 {
		return time.Time{}
	}
	return now.Add(lifetime - time.Duration(rand.Float64()*float64(lifetime)/10))
}
