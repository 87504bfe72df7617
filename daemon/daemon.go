package daemon

import (
	"context"
	"log/slog"
	"runtime/pprof"
	"sync"
	"time"

	"dispatcherd/control"
)

// quick is the bound for a part that has nothing to wait for.
const quick = 5 * time.Second

// Daemon is dispatcherd, built and not yet running.
type Daemon struct {
	service *service
	log     *slog.Logger
	parts   []part // in start order
	hurry   func()
	doors   []door
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
		return err
	}
	cfg := d.service.cfg.Load()
	for _, note := range cfg.Notes {
		d.log.Warn("about the configuration: " + note)
	}
	c := newCrew(len(d.parts), d.log)
	for _, p := range d.parts {
		c.start(ctx, p)
	}
	d.log.Info("dispatcherd is running", "node_id", cfg.NodeID, "config", cfg.File,
		"min_workers", cfg.Pool.MinWorkers, "max_workers", cfg.Pool.MaxWorkers)

	var failure error
	select {
	case <-ctx.Done():
		d.log.Info("dispatcherd stops: no more input; running tasks may finish", "shutdown_grace", d.service.cfg.Load().Pool.ShutdownGrace, "event", "drain")
	case s := <-c.failed:
		failure = s.ended()
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
