package process

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"time"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

const (
	// shortTask is how long a task may run for its worker's own figures to be all of it,
	// if nothing speaks against that.
	shortTask = 50 * time.Millisecond
	// accountBound is how long the supervisor may take to account a task, the end of what
	// it has left behind included.
	accountBound = 5 * time.Second
	// exitBound is how long the end of a worker may take to be told that the supervisor has
	// spoken of.
	exitBound = time.Second
)

// done is what a done frame says beside the report.
type done struct {
	measured bool // spent is known
	spent    supervisor.Spent
	more     bool // spent cannot be all of it
}

// meter is what is known of a worker's counters.
type meter struct {
	spent     supervisor.Spent // of the last task; at first, of the time before its first one
	known     bool             // of one of the two
	residents []int
}

// spentOf reads the block of a done frame that says what the worker's own process has used.
func spentOf(body []byte) supervisor.Spent {
	size := func(i int) int64 { return int64(binary.LittleEndian.Uint64(body[i:])) }
	return supervisor.Spent{
		CPUBegin: seconds(float64At(body, 0)), CPUEnd: seconds(float64At(body, 8)), MaxRSS: size(16),
		ReadBegin: size(24), ReadEnd: size(32), WrittenBegin: size(40), WrittenEnd: size(48),
	}
}

// own is the usage of a task that its worker alone has carried out.
func own(s supervisor.Spent) workers.Usage {
	return workers.Usage{
		CPU: max(0, s.CPUEnd-s.CPUBegin), Read: max(0, s.ReadEnd-s.ReadBegin), Written: max(0, s.WrittenEnd-s.WrittenBegin),
		MemoryPeak: max(0, s.MaxRSS), MemorySource: workers.PeakOfProcess,
	}
}

// account fills in what the task has cost. A short one that has ended well, alone in its
// cgroup, has told all of it; for others the supervisor is asked, before the end of the task
// is reported: what it has left behind must be gone when the next one begins.
func (p *Process) account(r *workers.Report, d done, t *workers.Task) {
	watched := p.watched.Swap(false)
	if !d.measured {
		return
	}
	p.meter.spent, p.meter.known = d.spent, true
	r.Usage = own(d.spent)
	limited := t != nil && t.Limits != ""
	if !d.more && !watched && !limited && r.Outcome == workers.Succeeded && r.RunTime < shortTask {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), accountBound) // Receive has none
	defer cancel()
	spent := d.spent
	spent.Residents = p.meter.residents
	a, err := p.holder.Account(ctx, p.id, spent)
	switch {
	case err == nil:
		r.Usage = usage(a)
	case errors.Is(err, supervisor.ErrGone) && p.waitExit(exitBound):
		r.Usage = p.untilExit(d.spent.CPUBegin, d.spent.ReadBegin, d.spent.WrittenBegin)
	case errors.Is(err, supervisor.ErrTooOld): // which was said when it was connected
	default:
		p.log.LogAttrs(ctx, slog.LevelWarn, "what a task has cost is known in part", ofTask(t, slog.Any("err", err))...)
	}
}

// lastUsage is what the task that ran when the worker's process ended has cost. Where that
// of those before it is not known, no more than its memory is.
func (p *Process) lastUsage() workers.Usage {
	if last := p.meter.spent; p.meter.known {
		return p.untilExit(last.CPUEnd, last.ReadEnd, last.WrittenEnd)
	}
	u := p.untilExit(0, 0, 0)
	u.CPU, u.Read, u.Written = 0, 0, 0
	return u
}

// untilExit is what was used until the worker ended, by a task before which the counters of
// its process were so.
func (p *Process) untilExit(cpu time.Duration, read, written int64) workers.Usage {
	if p.exit.Account == nil {
		return workers.Usage{}
	}
	u := usage(*p.exit.Account)
	u.CPU, u.Read, u.Written = max(0, u.CPU-cpu), max(0, u.Read-read), max(0, u.Written-written)
	return u
}

func usage(a supervisor.Account) workers.Usage {
	return workers.Usage{
		CPU: a.CPU, MemoryPeak: a.MemoryPeak, MemorySource: workers.MemorySource(a.MemorySource), MemoryMax: a.MemoryMax,
		PIDsPeak: a.PIDsPeak, Read: a.Read, Written: a.Written, Throttled: a.Throttled, OOMKills: a.OOMKills, OOMVictim: a.OOMVictim,
		Leftovers: a.Leftovers, LeftAlone: a.LeftAlone,
	}
}

// deathOf says how the process has ended.
func deathOf(e supervisor.Exit) workers.Death {
	return workers.Death{
		Code: e.Code, Signal: e.Signal, Core: e.Core, By: e.By, OOM: e.OOM, Unknown: e.Lost || e.GivenUp,
	}
}
