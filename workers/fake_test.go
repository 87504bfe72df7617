package workers_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing/synctest"
	"time"

	"dispatcherd/workers"
)

// habits is how fake processes behave by themselves.
type habits struct {
	silent   bool          // no hello
	deaf     bool          // a stop is not followed
	immortal bool          // a kill is not followed
	eager    bool          // every task is done at once
	mute     error         // what Send answers; the task does not arrive
	refuse   error         // what Launch answers
	delay    time.Duration // of Launch
	stubborn bool          // Launch does not look at its context
}

// fakeLauncher starts fake processes and remembers them.
type fakeLauncher struct {
	mu       sync.Mutex // guards everything below
	habits   habits     // of the processes to come
	launches []time.Time
	procs    map[int]*fakeProcess
	held     bool // processes wait for greet with their hello
	shy      []*fakeProcess
	alive    int
	most     int // alive at once
}

var _ workers.Launcher = (*fakeLauncher)(nil)

func (l *fakeLauncher) behave(h habits) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.habits = h
}

func (l *fakeLauncher) Launch(ctx context.Context, id int) (workers.Process, error) {
	l.mu.Lock()
	h := l.habits
	l.launches = append(l.launches, time.Now())
	l.mu.Unlock()
	if h.delay > 0 {
		late := time.NewTimer(h.delay)
		defer late.Stop()
		canceled := ctx.Done()
		if h.stubborn {
			canceled = nil
		}
		select {
		case <-late.C:
		case <-canceled:
			return nil, ctx.Err()
		}
		l.mu.Lock()
		h = l.habits // as they are by now
		l.mu.Unlock()
	}
	if h.refuse != nil {
		return nil, h.refuse
	}
	p := &fakeProcess{
		id: id, launcher: l, habits: h,
		reports: make(chan workers.Report, 1024), closed: make(chan struct{}),
	}
	l.mu.Lock()
	l.procs[id] = p
	l.alive++
	l.most = max(l.most, l.alive)
	held := l.held && !h.silent
	if held {
		l.shy = append(l.shy, p)
	}
	l.mu.Unlock()
	if !held && !h.silent {
		p.hello()
	}
	return p, nil
}

// hold makes the processes to come wait with their hello.
func (l *fakeLauncher) hold() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = true
}

// greet has those that wait say hello, by their numbers.
func (l *fakeLauncher) greet() {
	l.mu.Lock()
	shy := l.shy
	l.held, l.shy = false, nil
	l.mu.Unlock()
	slices.SortFunc(shy, func(a, b *fakeProcess) int { return a.id - b.id })
	for _, p := range shy {
		p.hello()
		synctest.Wait()
	}
}

func (l *fakeLauncher) proc(id int) *fakeProcess {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.procs[id]
}

// starts is how many launches were tried.
func (l *fakeLauncher) starts() []time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.launches)
}

func (l *fakeLauncher) mostAlive() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.most
}

func (l *fakeLauncher) gone() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.alive--
}

// fakeProcess is a process that says what it is told to say.
type fakeProcess struct {
	id       int
	launcher *fakeLauncher
	reports  chan workers.Report
	closed   chan struct{}

	mu      sync.Mutex // guards everything below
	habits  habits
	onSend  func() // called in the middle of Send, before it returns
	ended   bool   // nothing more is said
	record  []string
	lane    []uint64 // what was handed ahead
	rings   int
	watched int
}

var _ workers.Process = (*fakeProcess)(nil)

func (p *fakeProcess) PID() int { return 1000 + p.id }

func (p *fakeProcess) Send(t *workers.Task) error {
	p.mu.Lock()
	h, hook, ended := p.habits, p.onSend, p.ended
	p.onSend = nil
	p.mu.Unlock()
	if ended {
		return errors.New("the process has ended")
	}
	if h.mute != nil {
		return h.mute
	}
	p.note("task %d", t.Seq)
	if h.eager {
		p.done(t.Seq, workers.Succeeded)
	}
	if hook != nil {
		hook()
	}
	return nil
}

func (p *fakeProcess) Ahead(t *workers.Task) (ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return false
	}
	p.lane = append(p.lane, t.Seq)
	return true
}

func (p *fakeProcess) TakeBack() (back []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	back, p.lane = p.lane, nil
	return back
}

// take takes the next task that was handed ahead.
func (p *fakeProcess) take() (ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if ok = len(p.lane) > 0; ok {
		p.lane = p.lane[1:]
	}
	return ok
}

func (p *fakeProcess) Cancel(seq uint64) error {
	p.note("cancel %d", seq)
	return nil
}

func (p *fakeProcess) Ring() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rings++
	return nil
}

func (p *fakeProcess) Watch() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.watched++
	return nil
}

// watches is how often the process was told that its task has been running for a while.
func (p *fakeProcess) watches() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.watched
}

// rung is how often the signal was repeated.
func (p *fakeProcess) rung() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rings
}

func (p *fakeProcess) Stop() error {
	if h := p.note("stop"); !h.deaf {
		p.leave()
		p.exit("exit code 0", true)
	}
	return nil
}

func (p *fakeProcess) Kill() error {
	if h := p.note("kill"); !h.immortal {
		p.exit("killed by SIGKILL", false)
	}
	return nil
}

func (p *fakeProcess) Reply(request uint64, body []byte) error {
	p.note("reply %d %s", request, body)
	return nil
}

func (p *fakeProcess) Receive() workers.Report {
	var r workers.Report
	select {
	case r = <-p.reports:
	case <-p.closed:
		r = workers.Report{Kind: workers.Exited, Exit: "unknown", Death: workers.Death{Unknown: true}}
	}
	if r.Kind == workers.Exited {
		p.launcher.gone()
	}
	return r
}

func (p *fakeProcess) Close() {
	p.note("close")
	close(p.closed)
}

// note keeps what the process was told and returns its habits.
func (p *fakeProcess) note(format string, args ...any) habits {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.record = append(p.record, fmt.Sprintf(format, args...))
	return p.habits
}

// heard is all that the process was told.
func (p *fakeProcess) heard() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.record)
}

func (p *fakeProcess) behave(h habits) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.habits = h
}

// whileSending has f called in the middle of the next Send.
func (p *fakeProcess) whileSending(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.onSend = f
}

func (p *fakeProcess) hello() { p.say(workers.Report{Kind: workers.Hello}) }
func (p *fakeProcess) leave() { p.say(workers.Report{Kind: workers.Leaving}) }

func (p *fakeProcess) done(seq uint64, o workers.Outcome) {
	p.say(workers.Report{Kind: workers.Done, Seq: seq, Outcome: o})
}

// goOn ends the task and begins the next one that was handed ahead, if there is one.
func (p *fakeProcess) goOn(seq uint64) {
	p.say(workers.Report{Kind: workers.Done, Seq: seq, Outcome: workers.Succeeded, Begins: p.take()})
}

func (p *fakeProcess) exit(how string, clean bool) {
	p.say(workers.Report{Kind: workers.Exited, Exit: how, Death: deaths[how], Clean: clean})
}

// deaths are the ends of fake processes, by their words.
var deaths = map[string]workers.Death{
	"exit code 0":                      {},
	"exit code 1":                      {Code: 1},
	"killed by SIGKILL":                {Signal: syscall.SIGKILL},
	"killed by SIGKILL: out of memory": {Signal: syscall.SIGKILL, OOM: true},
	"killed by SIGSEGV":                {Signal: syscall.SIGSEGV},
	"the supervisor ended":             {Unknown: true},
}

// say reports r, unless the process has ended.
func (p *fakeProcess) say(r workers.Report) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.ended = r.Kind == workers.Exited
	p.reports <- r
}
