package process

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

const (
	// endBound is how long a worker that has closed its socket may take to end
	// before it is killed.
	endBound = 2 * time.Second
	// killBound is how long the supervisor may take to report a kill.
	killBound = 10 * time.Second
	// exitChannel is the code of a worker whose socket fails (EXIT_CHANNEL in worker.py).
	exitChannel = 70
	// lastWords bounds what a process that is given up may take to finish a frame.
	lastWords = time.Second
)

// Process is a worker's process.
type Process struct {
	id       int
	launched *supervisor.Launched
	holder   holder
	log      *slog.Logger

	in             *inbox
	out            *outbox
	stdout, stderr *output
	pumps          sync.WaitGroup
	current        atomic.Pointer[workers.Task] // whose output it is
	notes          *supervisor.Notebook         // what the next daemon is to know
	restraint      restraint
	ahead          *ahead
	inherited      []Inherited // of an earlier daemon: what the worker runs, and may run after it

	watched atomic.Bool // the supervisor looks at the task
	meter   meter       // owned by Receive

	closed    chan struct{}
	closeOnce sync.Once
	exited    chan struct{} // closed when exit is known
	exit      supervisor.Exit
	ended     bool // owned by Receive: the last frames are being read
}

var _ workers.Process = (*Process)(nil)

// newProcess makes a process of what the supervisor has handed over; inherited are the tasks of
// an earlier daemon that it runs or has run, in order.
func newProcess(id int, launched *supervisor.Launched, inherited []Inherited, h holder, log *slog.Logger) (*Process, error) {
	p := &Process{
		id: id, launched: launched, holder: h, log: log.With("worker", id), inherited: inherited,
		restraint: restraint{has: launched.Limits, ran: len(inherited) > 0},
		ahead:     newAhead(launched.Lane),
		closed:    make(chan struct{}), exited: make(chan struct{}),
	}
	if len(inherited) > 0 {
		p.current.Store(inherited[0].Task)
		p.ahead.inherit(inherited[1:])
	}
	if err := p.open(); err != nil {
		p.closeFiles()
		return nil, err
	}
	p.pumps.Go(p.stdout.run)
	p.pumps.Go(p.stderr.run)
	p.pumps.Go(p.awaitExit)
	return p, nil
}

func (p *Process) open() (err error) {
	if p.in, err = newInbox(p.launched.Socket); err != nil {
		return err
	}
	if p.notes, err = supervisor.OpenNotebook(p.launched.Note); err != nil {
		return err
	}
	if p.out, err = newOutbox(p.launched.Socket); err != nil {
		return err
	}
	if p.stdout, err = newOutput("stdout", p.launched.Stdout, &p.current, p.ahead, p.log); err != nil {
		return err
	}
	p.stderr, err = newOutput("stderr", p.launched.Stderr, &p.current, p.ahead, p.log)
	return err
}

// awaitExit learns how the process ended and wakes Receive.
func (p *Process) awaitExit() {
	select {
	case p.exit = <-p.launched.Exited:
	case <-p.closed:
		p.exit = supervisor.Exit{GivenUp: true}
	}
	close(p.exited)
	// A child that the worker left behind may hold its end of the socket open:
	// the end of the process is what counts, not the end of the stream.
	p.restraint.mu.Lock()
	defer p.restraint.mu.Unlock()
	p.interruptLocked()
}

// PID is the number of the process.
func (p *Process) PID() int { return p.launched.PID }

// Send hands over a task, once the worker has its limits.
func (p *Process) Send(t *workers.Task) error {
	if held, err := p.hold(t); held || err != nil {
		return err
	}
	return p.hand(t)
}

// hand gives the worker its task.
func (p *Process) hand(t *workers.Task) error {
	p.current.Store(t)
	p.notes.Begin(supervisor.Note{Seq: t.Seq, Began: time.Now(), UUID: t.UUID, Task: t.Name, Message: t.Body})
	return p.out.put(frame{kind: taskFrame, seq: t.Seq, body: t.Body})
}

// Cancel interrupts task seq: the frame says which, the signal that there is one. It never
// overtakes a task that waits for its limits.
func (p *Process) Cancel(seq uint64) error {
	if p.holdBack(seq) {
		return nil
	}
	return p.cancel(seq)
}

func (p *Process) cancel(seq uint64) error {
	for _, i := range p.inherited {
		if i.Task.Seq == seq {
			seq = i.Theirs
			break
		}
	}
	if err := p.out.put(frame{kind: cancelFrame, seq: seq}); err != nil {
		return err
	}
	return p.holder.Interrupt(p.id)
}

// Ring repeats the signal; without a cancel that waits to be read it does nothing.
func (p *Process) Ring() error { return p.holder.Interrupt(p.id) }

// Watch has the supervisor look at the running task from time to time.
func (p *Process) Watch() error {
	p.watched.Store(true)
	return p.holder.Watch(p.id)
}

// Stop asks the process to leave when it has nothing to do.
func (p *Process) Stop() error { return p.out.put(frame{kind: stopFrame}) }

// Kill ends the process and everything that it started.
func (p *Process) Kill() error { return p.holder.Kill(p.id) }

// Reply answers a control request.
func (p *Process) Reply(request uint64, body []byte) error {
	return p.out.put(frame{kind: replyFrame, seq: request, body: body})
}

// Close gives the process up.
func (p *Process) Close() { p.closeOnce.Do(func() { close(p.closed) }) }

// Receive waits for the next report.
func (p *Process) Receive() workers.Report {
	for {
		f, err := p.nextFrame()
		if errors.Is(err, errTold) {
			return p.takeTold()
		}
		if err != nil {
			return p.finish(err)
		}
		r, ok, err := p.report(f)
		if err != nil {
			p.log.Error("worker sent what is no frame and is killed", "err", err)
			return p.finish(err)
		}
		if ok {
			return r
		}
	}
}

// nextFrame waits for a frame; after the end of the process it hands out those
// that had still been sent.
func (p *Process) nextFrame() (frame, error) {
	if !p.ended {
		f, err := p.in.next()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return f, err
		}
		if p.hasTold() {
			return frame{}, errTold
		}
		p.ended = true
		<-p.exited // which it is: only then there is another deadline
	}
	f, err := p.in.rest()
	if errors.Is(err, io.EOF) && p.exit.GivenUp && p.in.partial() {
		// The rest of it must not be the first that the next daemon reads.
		_ = p.launched.Socket.SetReadDeadline(time.Now().Add(lastWords))
		return p.in.next()
	}
	return f, err
}

// report turns a frame into a report; ok is false for one that is none.
func (p *Process) report(f frame) (r workers.Report, ok bool, err error) {
	switch f.kind {
	case helloFrame:
		if p.meter, err = hello(f.body); err != nil {
			return workers.Report{}, false, err
		}
		return p.greeted(), true, nil
	case doneFrame:
		r, err = p.conclude(f)
		return r, true, err
	case requestFrame:
		r, err = requestReport(f.seq, f.body)
		return r, true, err
	case leaveFrame:
		r, err = leaveReport(f.body)
		return r, true, err
	case logFrame:
		p.stdout.catchUp()
		p.stderr.catchUp()
		return workers.Report{}, false, relay(p.log, p.current.Load(), f.body)
	default:
		return workers.Report{}, false, fmt.Errorf("frame of unknown kind %q", f.kind)
	}
}

// conclude is the end of the task that runs, and perhaps the begin of one that was handed ahead.
func (p *Process) conclude(f frame) (workers.Report, error) {
	r, d, err := doneReport(f.seq, f.body)
	if err != nil {
		return r, err
	}
	t := p.resume(f.seq)
	// What the task has printed is logged as the task's before it counts as done.
	if r.Begins { // then nothing of it is unread
		p.stdout.endLine()
		p.stderr.endLine()
	} else {
		out, errs := p.stdout.drain(), p.stderr.drain()
		r.Printed = out || errs
	}
	p.account(&r, d, t)
	p.notes.End()
	p.ahead.ended(f.seq)
	p.restraint.done()
	if len(p.inherited) > 0 && t != nil {
		r.Seq = t.Seq
	}
	if r.Begins {
		return r, p.ahead.begun(&p.current)
	}
	p.current.Store(nil)
	return r, nil
}

// resume returns the task that has ended with this number. Of those of an earlier daemon the ends
// of some may have been told to it.
func (p *Process) resume(seq uint64) *workers.Task {
	for _, i := range p.inherited {
		if i.Theirs == seq {
			p.ahead.skip(i.Task, &p.current)
		}
	}
	return p.current.Load()
}

// finish ends a process that will say no more and reports how it ended. err is
// why nothing more is read: the end of the stream, or a worker that is not to be
// trusted.
func (p *Process) finish(err error) workers.Report {
	p.ahead.end() // what is unread is the current task's
	bound, why := endBound, "; it had closed its connection to the daemon"
	switch {
	case p.ended:
		bound = 0
	case !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET): // which is an end with something unread
		bound, why = 0, "; "+err.Error()
	}
	if p.waitExit(bound) {
		why = ""
	} else {
		if err := p.Kill(); err != nil {
			p.log.Error("worker could not be killed", "err", err)
		}
		if !p.waitExit(killBound) {
			p.Close()
			<-p.exited
		}
	}
	p.stdout.drain()
	p.stderr.drain()
	if p.exit.GivenUp { // a worker that lives on must not wait for the rest of a frame
		_ = p.launched.Socket.SetWriteDeadline(time.Now().Add(lastWords))
		p.out.wait.Wait()
	}
	p.closeFiles()
	p.pumps.Wait()
	p.out.wait.Wait()
	r := workers.Report{
		Kind: workers.Exited, Exit: explain(p.exit) + why, Death: deathOf(p.exit),
		Clean: p.exit.Code == 0 && p.exit.Signal == 0 && !p.exit.Lost && !p.exit.GivenUp,
	}
	if p.current.Load() != nil {
		r.Usage = p.lastUsage()
	}
	return r
}

// explain says how the process ended, and what an exit code of the runtime's own means.
func explain(e supervisor.Exit) string {
	text := e.String()
	if e.Code != exitChannel {
		return text
	}
	code := fmt.Sprintf("exit code %d", exitChannel)
	return code + ": it lost its connection to the daemon (a task may have closed its descriptors)" + strings.TrimPrefix(text, code)
}

func (p *Process) waitExit(bound time.Duration) bool {
	timer := time.NewTimer(bound)
	defer timer.Stop()
	select {
	case <-p.exited:
		return true
	case <-timer.C:
		select {
		case <-p.exited:
			return true
		default:
			return false
		}
	}
}

func (p *Process) closeFiles() {
	if p.notes != nil {
		p.notes.Close()
	}
	p.ahead.close()
	for _, f := range []*os.File{p.launched.Socket, p.launched.Stdout, p.launched.Stderr, p.launched.Note} {
		if f != nil {
			_ = f.Close() // nothing is left to be written
		}
	}
}
