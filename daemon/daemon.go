package daemon

import (
	"context"
	"log/slog"
	"runtime/pprof"
	"sync"
	"time"

	"dispatcherd/control"
	"dispatcherd/daemon/systemd"
)

// quick is the bound for a part that has nothing to wait for.
const quick = 5 * time.Second

// Daemon is dispatcherd, built and not yet running.
type Daemon struct {
	service *service
	log     *slog.Logger
	parts   []part // in start order
	hurry   func()
	letGo   func() // leaves running tasks to the next daemon; nil where they end with us
	doors   []door
	host    Host
	// attend is what goes on from the start to the very end, beside the parts: ctx ends
	// when the daemon begins to stop, over when it has.
	attend []func(ctx, over context.Context)
}

// door is what must be opened before anything is started.
type door interface {
	Listen() error
	Close() error
}

// Run starts the parts and stops them, in reverse order, when ctx ends or one
// of them fails. Each value on hurry shortens the wait for running tasks. The
// error is nil after an orderly stop.
func (d *Daemon) Run(ctx context.Context, hurry <-chan struct{}) (err error) {
	pprof.Do(ctx, pprof.Labels(control.TaskLabel, mainTask), func(ctx context.Context) { err = d.run(ctx, hurry) })
	return err
}

func (d *Daemon) run(ctx context.Context, hurry <-chan struct{}) error {
	if err := d.open(); err != nil {
		return DoorError{Reason: err}
	}
	cfg := d.service.cfg.Load()
	tellUnsafe(d.log, cfg)
	for _, note := range cfg.Notes {
		d.log.Warn("about the configuration: " + note)
	}
	ctx, stopping := context.WithCancel(ctx)
	defer d.attendTo(ctx)()
	defer stopping()
	c := newCrew(len(d.parts), d.log)
	for _, p := range d.parts {
		c.start(ctx, p)
	}
	d.log.Info("dispatcherd is running", "node_id", cfg.NodeID, "config", cfg.File,
		"min_workers", cfg.Pool.MinWorkers, "max_workers", cfg.Pool.MaxWorkers)

	var failure error
	select {
	case <-ctx.Done():
		d.host.Notify.Stopping("stopping")
		d.begin(ctx, c)
	case s := <-c.failed:
		failure = s.ended()
		d.host.Notify.Stopping("stopping: " + s.name + " has failed")
		stopping()
		d.log.Error("a part has failed; dispatcherd stops", "part", s.name, "err", s.err)
	}
	stopped := make(chan struct{})
	var listens sync.WaitGroup
	listens.Go(func() { d.listenToHurry(hurry, stopped) })
	err := c.stop(ctx)
	close(stopped)
	listens.Wait()
	if failure != nil {
		return failure
	}
	if err == nil {
		d.log.Info("dispatcherd has stopped")
	}
	return err
}

// begin is the beginning of a stop, or of a restart: then clients wait at the socket for
// the next daemon instead of being refused, and running tasks go on.
func (d *Daemon) begin(ctx context.Context, c *crew) {
	if !d.restarts(ctx) {
		d.log.Info("dispatcherd stops: no more input; running tasks may finish", "shutdown_grace", d.service.cfg.Load().Pool.ShutdownGrace, "event", "drain")
		return
	}
	d.log.Info("dispatcherd is restarted: no more input; running tasks go on")
	d.letGo()
	c.stopFirst(ctx, "socket")
}

// askBound is how long the service manager may take to say what it has ordered. On a busy
// host it has taken more than two seconds; a restart that is taken for a stop ends tasks.
const askBound = 10 * time.Second

// restarts says whether the daemon is to come back and tasks can go on without it. When
// nobody answers, it stops.
func (d *Daemon) restarts(ctx context.Context) bool {
	if d.letGo == nil || !systemd.Managed() {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askBound)
	defer cancel()
	restarts, err := systemd.Restarting(ctx)
	if err != nil {
		d.log.Warn("whether this is a restart cannot be told; it is taken for a stop", "err", err)
	}
	return restarts
}

// attendTo starts what goes on beside the parts, and returns what ends it.
func (d *Daemon) attendTo(ctx context.Context) (end func()) {
	over, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var all sync.WaitGroup
	for _, attend := range d.attend {
		all.Go(func() { attend(ctx, over) })
	}
	return func() {
		cancel()
		all.Wait()
	}
}

// open opens every door, or none.
func (d *Daemon) open() error {
	for i, door := range d.doors {
		if err := door.Listen(); err != nil {
			for _, opened := range d.doors[:i] {
				_ = opened.Close() // err is the reason why nothing starts
			}
			return err
		}
	}
	return nil
}

func (d *Daemon) listenToHurry(hurry <-chan struct{}, stopped <-chan struct{}) {
	for {
		select {
		case <-hurry:
			d.log.Warn("told to hurry: the wait for running tasks is cut short")
			d.hurry()
		case <-stopped:
			return
		}
	}
}
