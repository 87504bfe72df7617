// Package schedule produces task messages by itself: some when the service
// starts, others again and again.
package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"dispatcherd/daemon/message"
)

// Submitter takes the tasks that are produced.
type Submitter interface {
	Submit(ctx context.Context, m *message.Message) error
}

// Scheduler produces the tasks of a Config.
type Scheduler struct {
	cfg      Config
	to       Submitter
	log      *slog.Logger
	created  time.Time
	onStart  atomic.Uint64 // tasks that were taken
	schedule atomic.Uint64
}

// New returns a scheduler whose clock begins with Run.
func New(cfg Config, to Submitter, log *slog.Logger) *Scheduler {
	return &Scheduler{cfg: cfg, to: to, log: log, created: time.Now()}
}

// Stats is a snapshot of a Scheduler.
type Stats struct {
	OnStart   uint64        // tasks produced at the start
	Scheduled uint64        // tasks produced by the schedule
	Uptime    time.Duration // since New
}

// Stats may be called at any time.
func (s *Scheduler) Stats() Stats {
	return Stats{OnStart: s.onStart.Load(), Scheduled: s.schedule.Load(), Uptime: time.Since(s.created)}
}

// Run submits the tasks for the start, in order and named on-start-<i>, then
// keeps the schedule until ctx ends, naming its tasks sch-<n> from 1. A
// task that cannot be submitted is logged and forgotten.
func (s *Scheduler) Run(ctx context.Context) error {
	start := time.Now()
	for i, t := range s.cfg.OnStart {
		if ctx.Err() != nil {
			return nil
		}
		s.submit(ctx, t, fmt.Sprintf("on-start-%d", i), &s.onStart)
	}
	s.keep(ctx, start)
	return nil
}

// keep runs each recurring task at start plus every multiple of its period.
func (s *Scheduler) keep(ctx context.Context, start time.Time) {
	due := make([]time.Time, len(s.cfg.Schedule))
	for i, r := range s.cfg.Schedule {
		due[i] = start.Add(r.Every)
	}
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	for n := 1; ; n++ {
		next := first(due)
		if next >= 0 {
			timer.Reset(time.Until(due[next]))
		}
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return
		}
		r := s.cfg.Schedule[next]
		s.submit(ctx, r.Task, fmt.Sprintf("sch-%d", n), &s.schedule)
		due[next] = after(start, due[next], r.Every, time.Now())
	}
}

// first is the index of the earliest time, of equal ones the first; -1 when there is none.
func first(times []time.Time) int {
	least := -1
	for i, t := range times {
		if least < 0 || t.Before(times[least]) {
			least = i
		}
	}
	return least
}

// after is the next time on the grid of start and period once the run at done
// is over. Runs that were missed meanwhile are left out: the task is to be run
// every so often, not so many times.
func after(start, done time.Time, period time.Duration, now time.Time) time.Time {
	if now.Before(done) {
		now = done
	}
	return start.Add((now.Sub(start)/period + 1) * period)
}

func (s *Scheduler) submit(ctx context.Context, t Task, uuid string, count *atomic.Uint64) {
	m, err := t.message(uuid)
	if err == nil {
		err = s.to.Submit(ctx, m)
	}
	if err != nil {
		s.log.Warn("a task that was due is not run", "uuid", uuid, "task", t.Task, "err", err)
		return
	}
	count.Add(1)
}
