package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/config"
)

// Announcer is told of a reload, for a service manager that wants to know.
type Announcer interface {
	Reloading(status string) // it begins
	Ready(status string)     // it is over, well or not
}

// Announce has a told of each reload; it is called before Run.
func (d *Daemon) Announce(a Announcer) { d.service.reloader.announcer = a }

// Reload brings the daemon to what its file says now, as far as that needs no restart. If
// the file cannot be used nothing changes, and the error says why. It logs both; it may be
// called at any time, and waits for one that is under way.
func (d *Daemon) Reload(ctx context.Context) error {
	_, err := d.service.reloader.reload(ctx)
	return err
}

// reloader changes the configuration of the parts while they run.
type reloader struct {
	service   *service
	guard     *control.Guard     // nil without a socket
	postgres  *postgresSource    // nil without Postgres
	level     *commands.LogLevel // nil if the command line gives one
	announcer Announcer          // nil if nobody wants to know
	log       *slog.Logger

	turn       chan struct{} // holds one token; who has taken it owns the field below
	generation int           // of the workers' spec

	refused atomic.Value // a string: why the last reload has changed nothing; "" if it was well
}

func newReloader(s *service, log *slog.Logger) *reloader {
	r := &reloader{service: s, log: log, turn: make(chan struct{}, 1), generation: 1}
	r.refused.Store("")
	r.turn <- struct{}{}
	return r
}

func (r *reloader) reload(ctx context.Context) (commands.Reloaded, error) {
	select {
	case <-r.turn:
		defer func() { r.turn <- struct{}{} }()
	case <-ctx.Done():
		return commands.Reloaded{}, fmt.Errorf("wait for the reload before this one: %w", ctx.Err())
	}
	outcome := "the configuration is reloaded"
	if r.announcer != nil {
		r.announcer.Reloading("reloading the configuration")
		defer func() { r.announcer.Ready(outcome) }()
	}
	changes, err := r.change()
	if err != nil {
		outcome = "the configuration could not be reloaded, and is as it was"
		// One line: it may be of many problems.
		why := strings.ReplaceAll(err.Error(), "\n", "; ")
		r.refused.Store(why)
		err = fmt.Errorf("nothing is changed: %s", why)
		r.log.Error("the configuration could not be reloaded", "err", err, "event", "configuration-bad")
		return commands.Reloaded{}, err
	}
	r.refused.Store("")
	r.log.Info("the configuration is reloaded", "changed", changes.Live, "needs_restart", changes.Restart, "workers_replaced", changes.Workers)
	return commands.Reloaded{Changed: changes.Live, NeedsRestart: changes.Restart, WorkersReplaced: changes.Workers}, nil
}

// tellUnsafe logs, if there is something to say, what a configuration leaves open.
func tellUnsafe(log *slog.Logger, cfg *config.Config) {
	if cfg.Unsafe != "" {
		log.Warn("UNSAFE: "+cfg.Unsafe, "event", "configuration-unsafe")
	}
}

// change reads the file and hands each part what is its own. Whatever can fail comes first.
func (r *reloader) change() (config.Changes, error) {
	s := r.service
	if s.intake.stopping.Load() {
		return config.Changes{}, errStopping
	}
	was := s.cfg.Load()
	is, changes, err := config.Reload(was)
	if err != nil {
		return config.Changes{}, err
	}
	generation := r.generation
	if changes.Workers {
		generation++
	}
	if err := s.client.Use(specOf(is, generation)); err != nil {
		return config.Changes{}, err
	}
	r.generation = generation
	if changes.Workers {
		s.pool.Replace() // after the supervisor knows how the new ones are started
	}
	s.policy.Use(is.Policy)
	s.dispatcher.Use(s.policy)
	s.dispatcher.UseQueue(is.Queue)
	s.pool.Use(s.poolConfig(is))
	s.intake.setChunkTimeout(is.ChunkMessageTimeout)
	s.scheduler.Use(is.Schedule.Schedule)
	if r.level != nil {
		r.level.Configure(is.Log.Threshold())
	}
	if r.guard != nil {
		r.guard.Use(is.Rights)
	}
	if r.postgres != nil {
		r.postgres.use(*was.PgNotify, *is.PgNotify, is.PgNotifyControl)
	}
	s.cfg.Store(is)
	if is.Unsafe != was.Unsafe {
		tellUnsafe(r.log, is)
	}
	return changes, nil
}
