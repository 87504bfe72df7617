package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Spent is what a worker's process says of itself about one task: counters of the process
// and of the children that it has waited for, which began with the process.
type Spent struct {
	CPUBegin     time.Duration `json:"cpu_begin,omitempty"`
	CPUEnd       time.Duration `json:"cpu_end,omitempty"`
	ReadBegin    int64         `json:"read_begin,omitempty"` // bytes
	ReadEnd      int64         `json:"read_end,omitempty"`
	WrittenBegin int64         `json:"written_begin,omitempty"`
	WrittenEnd   int64         `json:"written_end,omitempty"`
	MaxRSS       int64         `json:"max_rss,omitempty"` // bytes, the most during the task
	// Residents are processes that were in the cgroup before the worker's first task.
	Residents []int `json:"residents,omitempty"`
}

// Account is what one task has cost, with all its processes. What nobody could measure is 0.
type Account struct {
	CPU          time.Duration `json:"cpu,omitempty"`
	Throttled    time.Duration `json:"throttled,omitempty"`
	MemoryPeak   int64         `json:"memory_peak,omitempty"` // bytes
	MemorySource MemorySource  `json:"memory_source,omitempty"`
	MemoryMax    int64         `json:"memory_max,omitempty"` // 0: no limit
	OOMKills     int           `json:"oom_kills,omitempty"`
	OOMVictim    string        `json:"oom_victim,omitempty"` // "process PID (NAME)" where it was seen before
	PIDsPeak     int           `json:"pids_peak,omitempty"`
	Read         int64         `json:"read,omitempty"`    // bytes
	Written      int64         `json:"written,omitempty"` // bytes
	// Leftovers is how many processes the task has left behind. They were killed, unless
	// LeftAlone is set.
	Leftovers int  `json:"leftovers,omitempty"`
	LeftAlone bool `json:"left_alone,omitempty"`
}

// MemorySource is how the peak of a task's memory is known.
type MemorySource string

// The sources, from the most exact one on.
const (
	PeakCounted   MemorySource = "counted" // memory.peak of the cgroup
	PeakSampled   MemorySource = "sampled" // the largest of the samples of memory.current
	PeakOfProcess MemorySource = "process" // the largest resident set of the worker, or of a child that it waited for
)

// leftoverTime bounds the end of what a task has left behind.
const leftoverTime = 3 * time.Second

var (
	// ErrGone means that the worker has ended: its Exit has what its last task has cost.
	ErrGone = errors.New("the worker has ended")
	// ErrTooOld means that the supervisor is of a version before tasks were accounted.
	ErrTooOld = errors.New("the supervisor is of a version that does not account tasks")

	errNotMeasured = errors.New("the supervisor's answer is empty")
)

// accountCall is a question to the supervisor about one task.
type accountCall chan accountAnswer

type accountAnswer struct {
	account Account
	err     error
}

// Account asks what the task that has just ended on a worker has cost, and has what it left
// behind ended, or only counted, as the spec says.
func (c *Client) Account(ctx context.Context, worker int, spent Spent) (Account, error) {
	call := make(accountCall, 1)
	id, err := c.askAccount(worker, spent, call)
	if err != nil {
		return Account{}, fmt.Errorf("account the task of worker %d: %w", worker, err)
	}
	select {
	case a := <-call:
		if a.err != nil {
			return Account{}, fmt.Errorf("account the task of worker %d: %w", worker, a.err)
		}
		return a.account, nil
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.accounts, id)
		c.mu.Unlock()
		return Account{}, fmt.Errorf("account the task of worker %d: %w", worker, ctx.Err())
	}
}

func (c *Client) askAccount(worker int, spent Spent, call accountCall) (id uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && c.info.Version < limitsSince {
		return 0, ErrTooOld
	}
	if id, err = c.askLocked(packet{Op: opAccount, Worker: worker, Spent: &spent}); err == nil {
		c.accounts[id] = call
	}
	return id, err
}

// accounted takes an answer.
func (c *Client) accounted(p packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.accounts[p.ID]
	delete(c.accounts, p.ID)
	switch {
	case call == nil: // nobody waits any more
	case p.Error == ErrGone.Error():
		call <- accountAnswer{err: ErrGone} // buffered
	case p.Error != "":
		call <- accountAnswer{err: errors.New(p.Error)} // buffered
	case p.Account == nil:
		call <- accountAnswer{err: errNotMeasured} // buffered
	default:
		call <- accountAnswer{account: *p.Account} // buffered
	}
}

// account answers what a worker's task has cost.
func (s *Supervisor) account(ctx context.Context, to *session, p packet) {
	answer := packet{Op: opAccount, ID: p.ID, Worker: p.Worker}
	w := s.find(p.Worker)
	if w == nil || p.Spent == nil {
		answer.Error = ErrGone.Error()
	} else if a, err := s.accountTask(ctx, w, *p.Spent); err != nil {
		answer.Error = err.Error()
	} else {
		answer.Account = &a
	}
	to.conn.send(answer) // requests meets the same end
}

// accountTask first ends what the task has left, so that what that has used is counted.
func (s *Supervisor) accountTask(ctx context.Context, w *worker, spent Spent) (Account, error) {
	w.ledger.mu.Lock()
	defer w.ledger.mu.Unlock()
	if w.ledger.closed {
		return Account{}, ErrGone
	}
	w.ledger.sampled.suspect()
	left, alone, err := s.clearUp(ctx, w, spent.Residents)
	if err != nil {
		s.log.Warn("what a task has left behind could not be ended", append([]any{"worker", w.id, "pid", w.PID, "err", err}, w.task()...)...)
	}
	now, err := w.cage.account()
	if err != nil {
		s.log.Warn("task could not be accounted", "worker", w.id, "pid", w.PID, "err", err)
	}
	_, pages, err := shortly(w.PID)
	if err != nil { // it has ended just now
		pages = 0
	}
	a := w.ledger.close(now, spent, pages*int64(os.Getpagesize()))
	a.Leftovers, a.LeftAlone = left, left > 0 && alone
	w.cage.accounted()
	return a, nil
}

// clearUp ends what a task has left behind, or counts it: each process once.
func (s *Supervisor) clearUp(ctx context.Context, w *worker, residents []int) (left int, alone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, leftoverTime)
	defer cancel()
	keep := append([]int{w.PID}, residents...)
	if s.nursery.leftovers() != LeaveLeftovers {
		left, err = w.cage.killOthers(ctx, keep)
		return left, false, err
	}
	others, err := w.cage.others(keep)
	return w.ledger.notice(others), true, err
}
