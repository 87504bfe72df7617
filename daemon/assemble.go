package daemon

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"time"

	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/config"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/history"
	"dispatcherd/daemon/metrics"
	"dispatcherd/daemon/policy"
	"dispatcherd/daemon/schedule"
	"dispatcherd/daemon/systemd"
	"dispatcherd/workers"
	"dispatcherd/workers/process"
	"dispatcherd/workers/supervisor"
)

// New builds the daemon of a configuration. logFlags are the options that give the
// supervisor the same log; threshold is the level of log, which is set to that of the
// configuration unless the host gives one, and may be changed while it runs.
func New(cfg *config.Config, logFlags []string, threshold *slog.LevelVar, host Host, log *slog.Logger) *Daemon {
	s := &service{since: time.Now(), level: commands.NewLogLevel(threshold, log), log: log}
	s.cfg.Store(cfg)
	d := &Daemon{service: s, log: log, host: host}
	named := func(part string) *slog.Logger { return log.With("part", part) }

	runClient := s.addClient(cfg, logFlags, named("supervisor"))
	launcher := process.NewLauncher(s.client, named("worker"))
	run := &runner{log: named("runner")}
	s.pool = workers.NewPool(cfg.Pool, launcher, run.report, named("pool"))
	run.pool = s.pool
	s.dispatcher = dispatch.New(run, named("dispatcher"))
	s.policy = policy.New(cfg.Policy)
	s.dispatcher.Use(s.policy)
	s.dispatcher.UseQueue(cfg.Queue)
	run.dispatcher = s.dispatcher
	s.history = history.New(cfg.History)
	s.dispatcher.KeepEnds(s.history)
	s.intake = newIntake(cfg.NodeID, cfg.ChunkMessageTimeout, s.policy, s.dispatcher, named("intake"))
	s.scheduler = schedule.New(cfg.Schedule, s.intake, named("schedule"))
	table := commands.NewTable(s.dispatcher, s.pool, s)
	run.intake, s.intake.commands = s.intake, table
	d.hurry = s.pool.Hurry

	s.reloader = newReloader(s, named("reload"))
	if host.LogLevel == "" {
		s.reloader.level = s.level
		s.level.Configure(cfg.Log.Threshold())
	}

	d.add("supervisor", runClient, 4*quick)
	d.add("capacity", s.measure, quick)
	pg := s.addPostgres(cfg, named("postgres"))
	if page := d.metricsConfig(cfg); page != nil {
		s.metrics = metrics.NewServer(*page, cfg.Original, s.figures(), named("metrics"))
		d.takeMetrics(s.metrics)
		d.doors = append(d.doors, s.metrics)
		d.add("metrics", s.metrics.Run, quick)
	}
	d.socket(s, cfg, named("socket"))
	if pg != nil {
		d.add("postgres replies", pg.runReplies, replyBound+quick)
		watch := &pressure{queue: s.dispatcher, usage: pg.publisher.QueueUsage, log: named("postgres")}
		d.add("pressure", watch.run, quick)
	}
	d.add("replies", s.intake.awaitReplies, quick)
	d.add("dispatcher", s.dispatcher.Run, quick)
	d.add("runner", run.run, quick)
	d.parts = append(d.parts, part{
		name: "pool", run: s.pool.Run, halt: s.stopTaking,
		bound: 4 * quick, grace: s.graces,
	})
	if cfg.Supervisor.Socket != "" {
		s.pool.Await()
		h := &heir{client: s.client, launcher: launcher, dispatcher: s.dispatcher, pool: s.pool, log: named("heir")}
		d.add("heir", h.run, quick)
		d.letGo = func() {
			s.leaving.Store(true)
			s.pool.LetGo()
		}
	}
	d.add("intake", s.intake.run, quick)
	d.add("scheduler", s.scheduler.Run, quick)
	if pg != nil {
		d.source("listener", s, pg)
	}
	d.report(s)
	d.stickable(s)
	return d
}

// report keeps the service manager informed, where there is one.
func (d *Daemon) report(s *service) {
	if !systemd.Managed() {
		return
	}
	cfg := s.cfg.Load()
	r := &reporter{notify: d.host.Notify, condition: s.condition, ready: cfg.Service.Ready, minimum: cfg.Pool.MinWorkers}
	d.attend = append(d.attend, r.run)
	d.Announce(d.host.Notify)
	period, err := systemd.WatchdogPeriod()
	if err != nil {
		d.log.Warn("the watchdog is not fed", "err", err)
	}
	if period > 0 {
		w := &watchdog{notify: d.host.Notify, period: period, loops: []loop{s.dispatcher, s.pool}, log: d.log.With("part", "watchdog")}
		d.attend = append(d.attend, func(_, over context.Context) { w.run(over) })
	}
}

// addClient makes the connection to the supervisor, which is a service of its own or
// else our child, and returns what keeps it.
func (s *service) addClient(cfg *config.Config, logFlags []string, log *slog.Logger) func(context.Context) error {
	spec := specOf(cfg, 1)
	if path := cfg.Supervisor.Socket; path != "" {
		s.client = supervisor.NewClient(spec, "", remote(path), log) // its cgroup is the one that it was given
		return ownSupervisor(path, s.client.Run)
	}
	child := &foreground{logFlags: logFlags, log: log}
	s.client = supervisor.NewClient(spec, "dispatcherd-"+strconv.Itoa(os.Getpid()), child.dial, log)
	return child.holding(s.client.Run)
}

func (d *Daemon) add(name string, run func(context.Context) error, bound time.Duration) {
	d.parts = append(d.parts, part{name: name, run: run, bound: bound})
}

// source adds what brings messages in.
func (d *Daemon) source(name string, s *service, source Source) {
	s.sources = append(s.sources, source)
	d.add(name, func(ctx context.Context) error { return source.Run(ctx, s.intake.handle) }, quick)
}

// socket adds the control socket, which is still answered during a drain.
func (d *Daemon) socket(s *service, cfg *config.Config, log *slog.Logger) {
	s.reloader.guard = control.NewGuard(cfg.Rights, log)
	source := newSocketSource(cfg.Socket, s.reloader.guard, log)
	if !d.takeControl(cfg, source.server) && cfg.Socket.Path == "" {
		return
	}
	// Before the metrics' door: it says best that another daemon is there already.
	d.doors = append([]door{source.server}, d.doors...)
	d.source("socket", s, source)
}

// addPostgres makes the source that listens to Postgres, nil where none is
// configured.
func (s *service) addPostgres(cfg *config.Config, log *slog.Logger) *postgresSource {
	if cfg.PgNotify == nil {
		return nil
	}
	source := newPostgresSource(*cfg.PgNotify, cfg.PgNotifyControl, log)
	s.postgres, s.reloader.postgres = source.listener.Stats, source
	return source
}

// graces are how long running tasks may take when the service stops.
func (s *service) graces() time.Duration {
	pool := s.cfg.Load().Pool
	return pool.ShutdownGrace + pool.CancelGrace
}

// specOf is how workers are started under a configuration.
func specOf(cfg *config.Config, generation int) supervisor.Spec {
	spec := cfg.Worker.Spec(generation, cfg.Pool.CancelGrace, cfg.Pool.ShutdownGrace)
	spec.Limits, spec.Require = cfg.Policy.Limits, cfg.Cgroups.Require
	return spec
}
