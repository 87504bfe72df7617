package workers

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// Pool is the set of workers. Everything that it does on its own (deadlines,
// growing, shrinking) happens in Run; everything that a process says is handled
// in a goroutine of that worker.
type Pool struct {
	launch Launcher
	log    *slog.Logger
	report func(Event)
	wake   chan struct{} // buffered 1: Run looks at the pool again
	pings  chan struct{} // taken by Run
	over   chan struct{} // closed at the end of Run
	living sync.WaitGroup

	mu        sync.Mutex // guards everything below; never held while logging or reporting, nor while calling out, but for Ahead and TakeBack of a process
	cfg       Config
	workers   map[int]*worker // all that have a process or are to have one
	ended     []Info          // those whose process has ended, for a while; the oldest first
	idle      []*worker       // ready workers, longest idle first
	due       deadlines
	usage     usage
	hungry    []*worker // workers that could be handed tasks ahead
	parked    int       // tasks that wait at workers
	returning int       // tasks that were returned and are not yet queued again
	stalled   time.Time // when to look for tasks that hold others up; zero: while none waits behind one
	waiting   int       // tasks that wait, as far as is known
	busy      int       // workers in state Busy
	usable    int       // workers whose state takesTasks
	nextID    int
	backoff   backoff
	tidy      time.Time // when to look for surplus and aged workers; zero: not before a change
	awake     time.Time // when Run looks again by itself
	watch     time.Time // when to look for tasks that have been running for a while; zero: while nothing runs
	handedOut bool      // a task was, since that was last done
	draining  bool
	waits     bool // for Adopt, before it starts workers
	lettingGo bool // the end of Run leaves the workers as they are
	hurried   int
	giveUp    time.Time // of the drain's running tasks; zero once it is over
	counts    Counts
}

// NewPool returns a pool that has no worker before Run. It reports to report, which is called
// from any goroutine, one event of a worker after the other, and must not block. Nothing is
// reported after the end of Run.
func NewPool(cfg Config, launch Launcher, report func(Event), log *slog.Logger) *Pool {
	return &Pool{
		cfg: cfg, launch: launch, report: report, log: log,
		wake:    make(chan struct{}, 1),
		pings:   make(chan struct{}),
		over:    make(chan struct{}),
		workers: map[int]*worker{},
	}
}

// Run keeps the pool until ctx ends, then drains it: running tasks may finish
// for shutdown_grace, are then cancelled and after cancel_grace killed. It
// returns when no worker is left. It is called once.
func (p *Pool) Run(ctx context.Context) error {
	defer close(p.over)
	starts, stopStarts := context.WithCancel(context.WithoutCancel(ctx))
	defer stopStarts()
	timer := time.NewTimer(0)
	defer timer.Stop()
	stop := ctx.Done()
	for {
		left, next := p.tick(starts)
		if left == 0 && stop == nil {
			break
		}
		timer.Reset(time.Until(next))
		select {
		case <-timer.C:
		case <-p.wake:
		case <-p.pings:
		case <-stop:
			stop = nil
			p.end() // before the starts are stopped: they do not fail, they are given up
			stopStarts()
		}
	}
	p.living.Wait()
	p.mu.Lock()
	p.ended = nil // nobody is there any more to forget them
	p.mu.Unlock()
	return nil
}

// tick does what is due and returns how many workers there are and when to
// look again.
func (p *Pool) tick(starts context.Context) (alive int, next time.Time) {
	now := time.Now()
	p.mu.Lock()
	do := append(p.expireLocked(now), p.watchLocked(now)...)
	do = append(do, p.unstallLocked(now)...)
	if p.draining {
		do = append(do, p.endTasksLocked(now)...)
	} else {
		do = append(do, p.calmLocked(now)...)
		do = append(do, p.tidyLocked(now)...)
		p.growLocked(starts, now)
	}
	p.awake = p.nextLocked(now, p.forgetLocked(now))
	alive, next = len(p.workers), p.awake
	p.mu.Unlock()
	do.run()
	return alive, next
}

// nextLocked is until when nothing is due; forget is when the list of ended workers
// changes, if it is not zero.
func (p *Pool) nextLocked(now, forget time.Time) time.Time {
	next := now.Add(time.Hour)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	sooner(forget)
	sooner(p.watch)
	sooner(p.stalled)
	if due, ok := p.due.next(); ok {
		sooner(due)
	}
	if p.draining {
		sooner(p.giveUp)
		return next
	}
	sooner(p.tidy)
	if p.backoff.until.After(now) {
		sooner(p.backoff.until)
	}
	if p.backoff.loop {
		sooner(p.backoff.calm)
	}
	return next
}

// wakeByLocked makes sure that Run looks at the pool at t.
func (p *Pool) wakeByLocked(t time.Time) {
	if t.Before(p.awake) {
		p.poke()
	}
}

// poke makes Run look at the pool again.
func (p *Pool) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// dueLocked gives w its deadline, in place of the one it had.
func (p *Pool) dueLocked(w *worker, t time.Time) {
	p.due.set(w, t)
	p.wakeByLocked(t)
}

// Ping goes once through the loop of Run. The error is that of ctx; a pool that has ended
// answers as well.
func (p *Pool) Ping(ctx context.Context) error {
	select {
	case p.pings <- struct{}{}:
		return nil
	case <-p.over:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reply answers the control request of a worker's task.
func (p *Pool) Reply(id int, request uint64, body []byte) error {
	p.mu.Lock()
	var proc Process
	if w := p.workers[id]; w != nil {
		proc = w.proc
	}
	p.mu.Unlock()
	if proc == nil {
		return errors.New("the worker is gone")
	}
	return proc.Reply(request, body)
}
