// Package dispatch decides when each task runs: it holds delayed tasks until
// their time, applies on_duplicate, keeps the queue, and knows how every task
// ended. Whoever takes a turn owns all of that: the loop in Run, or who brings
// news and finds that nobody else takes one.
package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"dispatcherd/daemon/message"
)

// Runner runs tasks. Its methods are called in a turn and must not block;
// it answers with Finished, Returned and Freed.
type Runner interface {
	// TryRun hands the task to a free worker and says which. ok is false when
	// none is free; Freed or Finished must follow when that changes.
	TryRun(seq uint64, m *message.Message) (worker int, ok bool)
	// Ahead hands over a task that may begin as soon as a worker has ended another one, by itself.
	// It stays queued until Ended.Next says that it has begun; Returned may come instead. ok is
	// false where that cannot be.
	Ahead(seq uint64, m *message.Message) (ok bool)
	// TakeBack takes back those of them that have not begun, and returns which.
	TakeBack() []uint64
	// Requeued says that n tasks are queued again that came back by Returned or Ended.Back. Until
	// then nothing is run in their place.
	Requeued(n int)
	// Waiting says that n tasks wait for a worker now.
	Waiting(n int)
	// Cancel interrupts a task that runs; nothing happens if it ended meanwhile.
	Cancel(seq uint64)
}

// Recorder keeps how tasks have ended. Its method is called in a turn, must not block, and
// must not keep e itself.
type Recorder interface{ Record(e *Ended) }

// ErrEnded is the answer of a dispatcher whose Run has returned.
var ErrEnded = errors.New("the dispatcher has ended")

// Dispatcher takes tasks and gives them to its Runner, each at its time.
type Dispatcher struct {
	runner   Runner
	recorder Recorder // nil for none
	log      *slog.Logger
	inbox    inbox
	room     room
	turns    chan struct{} // holds one value, from the begin of Run, while nobody takes a turn
	over     chan struct{} // closed at the end of Run
	calm     atomic.Bool   // no task waits for a worker

	// What follows is owned by whoever takes a turn.

	now      time.Time // at the beginning of this turn of the loop
	seq      uint64    // of the task accepted last; the first is 1
	lists    [ended]fifo
	line     line             // of the queued ones
	running  map[uint64]*task // and those that were handed ahead
	registry registry
	delays   delays
	alarm    *alarm
	blocked  int64 // how many tasks were ever blocked
	counts   map[Outcome]uint64
	timings  timings
	stopping bool
	paused   bool
	leaving  bool // what runs goes on without us
	told     int  // what the runner was last told to wait; -1: it may know something else
	backlog  backlog
	fullness fullness
	spare    []event
}

// New returns a dispatcher that takes tasks at once and gives them to r during Run.
func New(r Runner, log *slog.Logger) *Dispatcher {
	return &Dispatcher{
		runner:   r,
		log:      log,
		inbox:    inbox{wake: make(chan struct{}, 1)},
		turns:    make(chan struct{}, 1),
		over:     make(chan struct{}),
		running:  map[uint64]*task{},
		registry: newRegistry(),
		counts:   map[Outcome]uint64{},
		timings:  timings{byName: map[string]*Timing{}},
	}
}

// KeepEnds has the end of every task recorded. It is called before Run.
func (d *Dispatcher) KeepEnds(in Recorder) { d.recorder = in }

// Run gives tasks to the runner until ctx ends, then abandons what is left
// and names it in one log line. It is called once.
func (d *Dispatcher) Run(ctx context.Context) error {
	defer close(d.over)
	d.alarm = newAlarm()
	defer d.alarm.timer.Stop()
	d.turns <- struct{}{}
	d.attend() // to what came before
	for {
		rang := false
		select {
		case <-ctx.Done():
			<-d.turns // for good
			d.abandon()
			return nil
		case <-d.inbox.wake:
		case <-d.alarm.timer.C:
			rang = true
		}
		<-d.turns
		if rang {
			d.alarm.rang()
		}
		d.turn(nil)
		d.turns <- struct{}{}
		d.attend()
	}
}

// attend takes a turn here and now, unless somebody else does: who will then see what is new.
func (d *Dispatcher) attend() {
	for d.inbox.waits() {
		select {
		case <-d.turns:
		default:
			return
		}
		d.turn(nil)
		d.turns <- struct{}{}
	}
}

// Submit hands a task over; m belongs to the dispatcher from then on and is
// only read. The task is accepted when Submit returns nil: it will run,
// or its end will say why not. The only errors are ErrEnded, and ErrFull for a task that has
// ended as rejected, which is recorded. Submit never waits. watch is nil or
// has room for one value, and gets the task's end.
func (d *Dispatcher) Submit(m *message.Message, watch chan<- Ended) error {
	return d.admitted(newTask(m, watch))
}

// submit takes what has arrived. Where nothing waits it is looked at here and now, which spares a
// change of goroutines; in a flood the loop takes many at once.
func (d *Dispatcher) submit(t *task) error {
	if !d.inbox.put(event{submitted: t}) {
		return ErrEnded
	}
	if d.calm.Load() {
		d.attend()
	} else {
		d.inbox.poke()
	}
	return nil
}

// Delay holds a control request, which has a delay, among the delayed tasks, where it is
// listed and can be cancelled as they are. carryOut is called when its time has come, in
// a turn, and must not block. The errors are those of Submit.
func (d *Dispatcher) Delay(m *message.Message, carryOut func()) error {
	t := newTask(m, nil)
	t.rare().request = carryOut
	return d.admitted(t)
}

// Use has these bounds count from now on, for the tasks too that wait or run. It is called again when
// they say something else. It never waits.
func (d *Dispatcher) Use(c Concurrency) {
	d.inbox.put(event{bounds: c})
	d.inbox.poke()
}

// Finished says that a task ended that was given to the runner, and that its
// worker may be free. It never waits.
func (d *Dispatcher) Finished(e Ended) {
	d.inbox.put(event{ended: &e})
	d.attend()
}

// Returned says that tasks were given to the runner and not begun, and will
// not be: they go back to the head of the queue, in the order in which they came from there.
// It never waits.
func (d *Dispatcher) Returned(seqs ...uint64) {
	d.inbox.put(event{returned: seqs})
	d.attend()
}

// Freed says that a worker became free without a task having ended. It never waits.
func (d *Dispatcher) Freed() { d.inbox.poke() }

// StopTaking ends the taking from the queue: once it returns nil the runner
// gets no further task. What runs goes on, and tasks that arrive are kept, to
// be named as abandoned at the end of Run.
func (d *Dispatcher) StopTaking(ctx context.Context) error {
	err := d.ask(ctx, func() {
		d.stopping = true
		d.release()
		d.hold()
	})
	if errors.Is(err, ErrEnded) {
		return nil
	}
	return err
}

// Leave is StopTaking for a dispatcher whose running tasks go on when it ends: they are
// another one's then, and not abandoned.
func (d *Dispatcher) Leave(ctx context.Context) error {
	err := d.ask(ctx, func() {
		d.stopping, d.leaving = true, true
		d.release()
		d.hold()
	})
	if errors.Is(err, ErrEnded) {
		return nil
	}
	return err
}

// release lets those go who wait for room: there will be none.
func (d *Dispatcher) release() { d.room.change(func(r *room) { r.released = true }) }

// Adopt takes a task that a worker runs already, for an earlier daemon, and returns its
// number here. Its end is reported with Finished, as that of any other. An equal task
// that comes from now on is a duplicate of it.
func (d *Dispatcher) Adopt(ctx context.Context, m *message.Message, worker int, began time.Time) (seq uint64, err error) {
	err = d.ask(ctx, func() {
		d.seq++
		seq = d.seq
		t := newTask(m, nil)
		t.seq, t.worker = seq, int32(worker)
		t.rare().adopted = true
		d.registry.activate(m.Key)
		d.running[seq] = t
		t.timed = true // how long it waited is not known
		d.move(t, Running)
		t.since = momentOf(began)
		d.log.Info("a task of an earlier daemon is running", "worker", worker, "uuid", m.UUID(), "task", m.Task)
	})
	return seq, err
}

// Pause ends the taking from the queue as StopTaking does, until Resume: what runs goes on,
// and tasks that arrive are kept.
func (d *Dispatcher) Pause(ctx context.Context) error {
	return d.ask(ctx, func() {
		d.paused, d.told = true, -1
		d.hold()
	})
}

// hold keeps what is queued from the runner.
func (d *Dispatcher) hold() {
	d.takeBack(d.runner.TakeBack())
	d.runner.Waiting(0) // nobody is to start workers for them
}

// Resume is the end of a Pause: the tasks that were kept are run.
func (d *Dispatcher) Resume(ctx context.Context) error {
	return d.ask(ctx, func() {
		d.paused = false
		d.handOut()
	})
}

// taking says whether tasks are handed to the runner.
func (d *Dispatcher) taking() bool { return !d.stopping && !d.paused }

// Ping takes a turn: nil proves that tasks are being decided on.
func (d *Dispatcher) Ping(ctx context.Context) error { return d.ask(ctx, func() {}) }

// Tasks lists the tasks that f selects: running by worker, then blocked,
// queued and delayed in the order in which they got there.
func (d *Dispatcher) Tasks(ctx context.Context, f Filter) ([]Entry, error) {
	matches, err := f.compile()
	if err != nil {
		return nil, err
	}
	var entries []Entry
	if err := d.ask(ctx, func() { _, entries = d.find(matches) }); err != nil {
		return nil, err
	}
	return entries, nil
}

// Cancel cancels every task that f selects and returns them as they were just
// before. Those that wait are gone at once; those that run are interrupted, and
// end when the runner says so. If ctx ends first they may still be cancelled.
func (d *Dispatcher) Cancel(ctx context.Context, f Filter) ([]Entry, error) {
	matches, err := f.compile()
	if err != nil {
		return nil, err
	}
	var entries []Entry
	if err := d.ask(ctx, func() { entries = d.cancel(matches) }); err != nil {
		return nil, err
	}
	return entries, nil
}

// ask takes a turn, at the end of which f is run. All that was submitted before is
// seen by f.
func (d *Dispatcher) ask(ctx context.Context, f func()) error {
	select {
	case <-d.turns:
	case <-d.over:
		return ErrEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	d.turn(f)
	d.turns <- struct{}{}
	d.attend()
	return nil
}
