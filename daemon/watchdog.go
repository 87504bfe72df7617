package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/systemd"
)

// watchdog feeds the service manager's watchdog, each time after a round trip through
// the loops that everything depends on: one that is stuck must be able to miss it.
type watchdog struct {
	notify *systemd.Notifier
	period time.Duration
	loops  []loop
	log    *slog.Logger
}

// loop is what must answer.
type loop interface {
	// Ping goes once through the loop.
	Ping(ctx context.Context) error
}

// run feeds until ctx ends.
func (w *watchdog) run(ctx context.Context) {
	tick := time.NewTicker(w.period)
	defer tick.Stop()
	for {
		switch err := w.round(ctx); {
		case err == nil:
			w.notify.Alive()
		case ctx.Err() == nil:
			w.log.Error("a loop does not answer; the watchdog is not fed", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// round asks every loop, for one period at most. One that has ended in order is not stuck.
func (w *watchdog) round(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, w.period)
	defer cancel()
	for _, l := range w.loops {
		if err := l.Ping(ctx); err != nil && !errors.Is(err, dispatch.ErrEnded) {
			return err
		}
	}
	return nil
}
