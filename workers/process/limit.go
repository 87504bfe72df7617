package process

import (
	"cmp"
	"errors"
	"sync"
	"time"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// errTold wakes Receive for a report that is not the worker's.
var errTold = errors.New("a report of the daemon's own")

// restraint is what the worker is limited to, and the task that waits for other limits.
type restraint struct {
	mu        sync.Mutex // guards the fields below
	has       string     // the limits that the worker has, as text
	ran       bool       // it has run a task: a fresh one may take less memory
	held      *workers.Task
	cancelled bool             // held is to be cancelled as soon as it is sent
	told      []workers.Report // for Receive
}

// hold keeps a task back that needs other limits than the worker has, until it has them. held
// is false when the task can be sent at once.
func (p *Process) hold(t *workers.Task) (held bool, err error) {
	r := &p.restraint
	want := cmp.Or(t.Limits, p.holder.Limits())
	r.mu.Lock()
	if want == r.has {
		r.mu.Unlock()
		return false, nil
	}
	r.held, r.cancelled = t, false
	fresh := !r.ran
	r.mu.Unlock()
	waits, err := p.holder.Limit(p.id, want, fresh, func(l supervisor.Limited) { p.limited(t, want, l) })
	if waits {
		return true, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held = nil
	if err == nil {
		r.has = want // as far as they can be had
	}
	return false, err
}

// done notes that the worker has run a task.
func (r *restraint) done() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ran = true
}

// limited sends the task that has waited, or says why not. It does not block.
func (p *Process) limited(t *workers.Task, want string, l supervisor.Limited) {
	r := &p.restraint
	r.mu.Lock()
	r.held = nil
	cancelled := r.cancelled
	if l.Err == nil {
		r.has = want
		_ = p.hand(t) // its error is the end of the process, which is reported
	}
	r.mu.Unlock()
	switch {
	case l.Err != nil && (l.Grown || t.Limits == ""):
		p.makeRoom(l.Err)
	case l.Err != nil:
		p.tell(workers.Report{Kind: workers.Done, Seq: t.Seq, Outcome: workers.Failed, Error: "limits: " + l.Err.Error()})
	case cancelled:
		if err := p.cancel(t.Seq); err != nil {
			p.log.Debug("task could not be interrupted once it was sent", "uuid", t.UUID, "err", err)
		}
	}
}

// makeRoom has the worker leave, so that a fresh one runs the task: one that can have the
// limits, or whose start tells that none can.
func (p *Process) makeRoom(why error) {
	p.tell(workers.Report{Kind: workers.Leaving, Reason: "limits: " + why.Error()})
	if err := p.Stop(); err != nil {
		p.log.Debug("worker could not be asked to stop", "err", err)
	}
}

// holdBack notes that a task which waits for its limits is to be cancelled.
func (p *Process) holdBack(seq uint64) bool {
	p.restraint.mu.Lock()
	defer p.restraint.mu.Unlock()
	held := p.restraint.held
	if held == nil || held.Seq != seq {
		return false
	}
	p.restraint.cancelled = true
	return true
}

// settle gives a worker that is ready those limits of every worker that it has not had from
// the start. It waits for the answer, or for the end of the process.
func (p *Process) settle() error {
	want := p.holder.Limits()
	if want == p.restraint.has { // nobody else looks at it before the hello
		return nil
	}
	answer := make(chan supervisor.Limited, 1)
	waits, err := p.holder.Limit(p.id, want, true, func(l supervisor.Limited) { answer <- l })
	if err != nil {
		return nil // the connection is lost, and the process with it
	}
	if waits {
		select {
		case l := <-answer:
			if l.Err != nil {
				return l.Err
			}
		case <-p.exited:
			return nil
		}
	}
	p.restraint.mu.Lock()
	defer p.restraint.mu.Unlock()
	p.restraint.has = want
	return nil
}

// greeted is the report of a worker's hello.
func (p *Process) greeted() workers.Report {
	err := p.settle()
	if err == nil {
		return workers.Report{Kind: workers.Hello}
	}
	if err := p.Kill(); err != nil { // it is of no use, and that it was killed is no news
		p.log.Debug("worker could not be killed", "err", err)
	}
	return workers.Report{Kind: workers.Leaving, Reason: "limits: " + err.Error()}
}

// tell has Receive return a report.
func (p *Process) tell(r workers.Report) {
	p.restraint.mu.Lock()
	defer p.restraint.mu.Unlock()
	p.restraint.told = append(p.restraint.told, r)
	p.interruptLocked()
}

// interruptLocked has Receive look at what is new. Guarded by restraint.mu, so that it does
// not miss the end of the process, which interrupts it as well.
func (p *Process) interruptLocked() {
	_ = p.launched.Socket.SetReadDeadline(time.Unix(1, 0))
}

func (p *Process) hasTold() bool {
	p.restraint.mu.Lock()
	defer p.restraint.mu.Unlock()
	return len(p.restraint.told) > 0
}

// takeTold returns the next report of the daemon's own, of which there must be one.
func (p *Process) takeTold() workers.Report {
	p.restraint.mu.Lock()
	defer p.restraint.mu.Unlock()
	r := p.restraint.told[0]
	p.restraint.told = p.restraint.told[1:]
	select {
	case <-p.exited: // the deadline is for that, too
	default:
		if len(p.restraint.told) == 0 {
			_ = p.launched.Socket.SetReadDeadline(time.Time{})
		}
	}
	return r
}
