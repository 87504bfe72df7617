package daemon

import (
	"context"
	"time"

	"dispatcherd/daemon/systemd"
)

const (
	// statusEvery is how often the service manager may hear of a change.
	statusEvery = time.Second
	// postgresPatience is how long a start waits for Postgres.
	postgresPatience = 10 * time.Second
	// extension is how much more time is asked for, every statusEvery, while a start
	// or a drain goes on. It outlasts a second in which nobody gets to run.
	extension = 30 * time.Second
)

// reporter tells the service manager how the daemon is.
type reporter struct {
	notify    *systemd.Notifier
	condition func() (condition, bool)
	ready     string // a value of systemd.Config.Ready
	minimum   int    // workers that must be ready
}

// run reports until over ends; ctx ends before, when the daemon begins to stop.
func (r *reporter) run(ctx, over context.Context) {
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	began, up := time.Now(), false
	for {
		up = r.report(ctx.Err() != nil, up, time.Since(began))
		select {
		case <-tick.C:
		case <-over.Done():
			return
		}
	}
}

// report says one thing, and whether the service counts as started from then on.
func (r *reporter) report(stopping, up bool, after time.Duration) bool {
	c, ok := r.condition()
	if stopping {
		// Asked for although nobody answers: every part has a bound of its own.
		r.notify.Extend(extension)
		if ok {
			r.notify.Status("stopping: " + c.String())
		}
		return up
	}
	switch {
	case !ok:
	case up:
		r.notify.Status(c.String())
	case r.started(c, after):
		r.notify.Ready(c.String())
		return true
	default:
		r.notify.Extend(extension)
		r.notify.Status("starting: " + c.String())
	}
	return up
}

// started says whether the service counts as started after so long. Workers that cannot
// be started do not hold it up for longer than Postgres does: it takes what comes, and
// its status says what is wrong.
func (r *reporter) started(c condition, after time.Duration) bool {
	late := after >= postgresPatience
	workers := c.pool.Ready+c.pool.Busy+c.pool.Stopping >= r.minimum
	failing := c.alone || c.pool.Failures > 0
	switch {
	case r.ready == systemd.ReadySocket:
		return true
	case c.postgres == "away" && !late:
		return false
	default:
		return workers || failing && late
	}
}
