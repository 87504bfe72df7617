package workers

import (
	"slices"
	"time"
)

// Info is a worker as others see it.
type Info struct {
	ID          int
	PID         int // 0 before it is launched
	State       State
	Left        bool      // it has said that it reads no further task
	Task        *Task     // nil when it runs none
	Started     time.Time // of the task; zero when it runs none
	Interrupted bool      // its task has been cancelled, timed out or otherwise doomed
	Finished    int
	Created     time.Time
	Ended       time.Time // of its process; zero while that lives
	Exit        string    // how its process ended, and why if it has said so; "" while that lives
}

// Status is the original's word for the state. It has none for a busy worker, which is a
// ready one that has a task. A worker is "spawned" until its process exists; it is never
// "initialized", since it is started as soon as it is wanted.
func (i Info) Status() string {
	switch {
	case i.State == Starting && i.PID == 0:
		return "spawned"
	case i.State == Busy:
		return string(Ready)
	case i.State == Stopping && i.Left:
		return "exited"
	default:
		return string(i.State)
	}
}

// Counts only ever grow.
type Counts struct {
	Started, FailedStarts, Retired, Killed int
	Succeeded, Failed, Cancelled, TimedOut int
	// Abandoned are tasks that ended because the service stops, Died those whose worker
	// ended under them for no such reason: oom_killed, killed, exited, crashed, lost.
	Abandoned, Died int
}

func (c *Counts) add(o Outcome) {
	switch o {
	case Succeeded:
		c.Succeeded++
	case Failed:
		c.Failed++
	case Cancelled:
		c.Cancelled++
	case TimedOut:
		c.TimedOut++
	case Abandoned:
		c.Abandoned++
	case OOMKilled, Killed, Quit, Crashed, Lost:
		c.Died++
	}
}

// Finished is the number of tasks that ran to an end of their own.
func (c Counts) Finished() int { return c.Succeeded + c.Failed }

// Unfinished is the number of those that did not.
func (c Counts) Unfinished() int { return c.Cancelled + c.TimedOut + c.Abandoned + c.Died }

// Stats is the pool at a glance.
type Stats struct {
	Counts
	Starting, Ready, Busy, Stopping int
	Waiting                         int // tasks that wait for a worker, those that were handed ahead included
	NextID                          int
	Draining                        bool
	// Needed says when as many workers as the index were last needed at once; those
	// that Busy and Waiting need are needed now.
	Needed []time.Time
	// Failures is how many workers have failed in a row: could not be started, or
	// ended by themselves soon after. LastError is why the last one did; CrashLoop
	// says that it goes on and on.
	Failures  int
	LastError string
	CrashLoop bool
}

// Usable is the number of workers that take tasks now or soon.
func (s Stats) Usable() int { return s.Starting + s.Ready + s.Busy }

// Workers lists the workers by their number, those too whose process has ended not
// longer ago than worker_removal_wait.
func (p *Pool) Workers() []Info {
	p.mu.Lock()
	infos := make([]Info, 0, len(p.workers)+len(p.ended))
	for _, w := range p.workers {
		infos = append(infos, w.info())
	}
	infos = append(infos, p.ended...)
	p.mu.Unlock()
	slices.SortFunc(infos, func(a, b Info) int { return a.ID - b.ID })
	return infos
}

// Stats returns a snapshot.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Stats{
		Counts: p.counts, Waiting: p.waiting + p.parked + p.returning, NextID: p.nextID, Draining: p.draining,
		Needed: slices.Clone(p.usage.last), Failures: p.backoff.failures, LastError: p.backoff.lastErr,
		CrashLoop: p.backoff.loop,
	}
	for _, w := range p.workers {
		switch w.state {
		case Starting:
			s.Starting++
		case Ready:
			s.Ready++
		case Busy:
			s.Busy++
		case Stopping:
			s.Stopping++
		}
	}
	return s
}
