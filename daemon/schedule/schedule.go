// Package schedule produces task messages by itself: some when the service
// starts, others again and again.
package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"slices"
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
	cfg      Config // OnStart alone; the schedule is what came last from others
	to       Submitter
	log      *slog.Logger
	created  time.Time
	onStart  atomic.Uint64 // tasks that were taken
	schedule atomic.Uint64
	others   chan []Recurring // buffered 1: another schedule, to be kept from now on
}

// New returns a scheduler whose clock begins with Run.
func New(cfg Config, to Submitter, log *slog.Logger) *Scheduler {
	return &Scheduler{cfg: cfg, to: to, log: log, created: time.Now(), others: make(chan []Recurring, 1)}
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

// Use has another schedule kept from now on. Tasks of it that were there before keep their
// times; the first run of the others is one period from now.
func (s *Scheduler) Use(schedule []Recurring) {
	for {
		select {
		case s.others <- schedule:
			return
		default:
		}
		select { // an earlier one that has not been seen is out of date
		case <-s.others:
		default:
		}
	}
}

// job is a recurring task, which is run at start plus every multiple of its period.
type job struct {
	Recurring
	start, due time.Time
}

func newJob(r Recurring, now time.Time) job { return job{r, now, now.Add(r.Every)} }

// keep runs each recurring task at its times.
func (s *Scheduler) keep(ctx context.Context, start time.Time) {
	jobs := adopt(nil, s.cfg.Schedule, start)
	timer := time.NewTimer(0)
	timer.Stop()
	defer timer.Stop()
	for n := 1; ; {
		next := first(jobs)
		if next >= 0 {
			timer.Reset(time.Until(jobs[next].due))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return
		case schedule := <-s.others:
			jobs = adopt(jobs, schedule, time.Now())
			continue
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return
		}
		j := &jobs[next]
		s.submit(ctx, j.Task, fmt.Sprintf("sch-%d", n), &s.schedule)
		n++
		j.due = after(j.start, j.due, j.Every, time.Now())
	}
}

// adopt makes jobs of a schedule; those that were there keep their times.
func adopt(before []job, schedule []Recurring, now time.Time) []job {
	before = slices.Clone(before)
	jobs := make([]job, len(schedule))
	for i, r := range schedule {
		jobs[i] = newJob(r, now)
		same := slices.IndexFunc(before, func(j job) bool { return reflect.DeepEqual(j.Recurring, r) })
		if same >= 0 {
			jobs[i] = before[same]
			before = slices.Delete(before, same, same+1)
		}
	}
	return jobs
}

// first is the index of the job that is due first, of equal ones the first; -1 when there is none.
func first(jobs []job) int {
	least := -1
	for i, j := range jobs {
		if least < 0 || j.due.Before(jobs[least].due) {
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
