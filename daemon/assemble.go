package daemon

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"time"

	"dispatcherd/control/commands"
	"dispatcherd/daemon/config"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/metrics"
	"dispatcherd/daemon/schedule"
	"dispatcherd/workers"
	"dispatcherd/workers/process"
	"dispatcherd/workers/supervisor"
)

// New builds the daemon of a configuration. level is the supervisor's log
// level, as text.
func New(cfg *config.Config, level string, log *slog.Logger) *Daemon {
	d := &Daemon{cfg: cfg, log: log}
	h := &house{cfg: cfg}
	named := func(part string) *slog.Logger { return log.With("part", part) }

	child := &foreground{level: level, log: named("supervisor")}
	spec := cfg.Worker.Spec(1, cfg.Pool.CancelGrace, cfg.Pool.ShutdownGrace)
	h.client = supervisor.NewClient(spec, "dispatcherd-"+strconv.Itoa(os.Getpid()), child.dial, named("supervisor"))
	h.pool = workers.NewPool(cfg.Pool, process.NewLauncher(h.client, named("worker")), named("pool"))
	run := &runner{pool: h.pool, log: named("runner")}
	h.dispatcher = dispatch.New(run, named("dispatcher"))
	run.dispatcher = h.dispatcher
	h.intake = newIntake(cfg.NodeID, h.dispatcher, named("intake"))
	h.scheduler = schedule.New(cfg.Schedule, h.intake, named("schedule"))
	table := commands.NewTable(h.dispatcher, h.pool, h)
	run.commands, h.intake.commands = table, table
	d.house, d.hurry = h, h.pool.Hurry

	d.add("supervisor", child.holding(h.client.Run), 4*quick)
	if cfg.Metrics != nil {
		server := metrics.NewServer(*cfg.Metrics, h.sources(), named("metrics"))
		d.doors = append(d.doors, server)
		d.add("metrics", server.Run, quick)
	}
	d.socket(h, named("socket"))
	pg := d.postgres(h, named("postgres"))
	d.add("replies", h.intake.awaitReplies, quick)
	d.add("dispatcher", h.dispatcher.Run, quick)
	d.add("runner", run.run, quick)
	d.parts = append(d.parts, part{
		name: "pool", run: h.pool.Run, halt: h.stopTaking,
		bound: cfg.Pool.ShutdownGrace + cfg.Pool.CancelGrace + 4*quick,
	})
	d.add("intake", h.intake.run, quick)
	d.add("scheduler", h.scheduler.Run, quick)
	if pg != nil {
		d.add("listener", pg, quick)
	}
	return d
}

func (d *Daemon) add(name string, run func(context.Context) error, bound time.Duration) {
	d.parts = append(d.parts, part{name: name, run: run, bound: bound})
}

// socket adds the control socket, which is still answered during a drain.
func (d *Daemon) socket(h *house, log *slog.Logger) {
	if d.cfg.Socket.Path == "" {
		return
	}
	s := newSocketSource(d.cfg.Socket, log)
	h.all = append(h.all, s)
	d.doors = append(d.doors, s.server)
	d.add("socket", func(ctx context.Context) error { return s.Run(ctx, h.intake.handle) }, quick)
}

// postgres adds the publisher of replies and returns the listener, which is
// started last and stopped first.
func (d *Daemon) postgres(h *house, log *slog.Logger) (listen func(context.Context) error) {
	if d.cfg.PgNotify == nil {
		return nil
	}
	s := newPostgresSource(*d.cfg.PgNotify, log)
	h.all = append(h.all, s)
	d.add("postgres replies", s.runReplies, 2*quick)
	return func(ctx context.Context) error { return s.Run(ctx, h.intake.handle) }
}
