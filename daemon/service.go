package daemon

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/config"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/history"
	"dispatcherd/daemon/message"
	"dispatcherd/daemon/metrics"
	"dispatcherd/daemon/policy"
	"dispatcherd/daemon/schedule"
	"dispatcherd/pgnotify"
	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// service is the daemon as the control commands and the metrics see it: the parts
// that answer questions.
type service struct {
	cfg        atomic.Pointer[config.Config] // what counts now
	client     *supervisor.Client
	pool       *workers.Pool
	dispatcher *dispatch.Dispatcher
	intake     *intake
	policy     *policy.Policy
	scheduler  *schedule.Scheduler
	history    *history.Ring
	sources    []Source
	postgres   func() pgnotify.Stats // nil without Postgres
	level      *commands.LogLevel
	since      time.Time
	submitted  atomic.Uint64   // by control request
	metrics    *metrics.Server // nil without metrics
	leaving    atomic.Bool     // running tasks are left to the next daemon
	log        *slog.Logger
	draining   sync.Mutex // orders what Drain does
	reloader   *reloader
}

var _ commands.Service = (*service)(nil)

// Submit takes a task that a control request brings, or another control request, whose
// reply goes nowhere.
func (s *service) Submit(ctx context.Context, by control.Caller, m *message.Message, watch chan<- dispatch.Ended) error {
	err := s.intake.take(ctx, by, m, watch)
	if err == nil {
		s.submitted.Add(1)
	}
	return err
}

// RunEnabled says whether there is a control producer.
func (s *service) RunEnabled() bool { return !s.cfg.Load().RefuseRun }

// LogLevel is what the daemon logs.
func (s *service) LogLevel() *commands.LogLevel { return s.level }

// Notes are those of the configuration.
func (s *service) Notes() []string { return s.cfg.Load().Notes }

// Unsafe is what the configuration leaves open.
func (s *service) Unsafe() string { return s.cfg.Load().Unsafe }

// CancelsWithoutFilter says whether a cancel need not name a task.
func (s *service) CancelsWithoutFilter() bool { return s.cfg.Load().Rights.CancelWithoutFilter }

// History is how the last tasks have ended.
func (s *service) History() *history.Ring { return s.history }

// Chunks shows the messages that came in parts.
func (s *service) Chunks() (message.ChunkStats, []message.Partial) { return s.intake.chunks() }

// Main returns the counters of messages.
func (s *service) Main() (received, control uint64) {
	return s.intake.received.Load(), s.intake.controls.Load()
}

// Producers describes the sources.
func (s *service) Producers() map[string]any {
	all := map[string]any{}
	for _, source := range s.sources {
		all[source.Name()] = source.Describe()
	}
	made := s.scheduler.Stats()
	if len(s.cfg.Load().Schedule.Schedule) > 0 {
		all["scheduled-producer"] = map[string]any{"produced_count": made.Scheduled, "uptime_seconds": made.Uptime.Seconds()}
	}
	if len(s.cfg.Load().Schedule.OnStart) > 0 {
		all["on-start-producer"] = map[string]any{"produced_count": made.OnStart, "uptime_seconds": made.Uptime.Seconds()}
	}
	if s.RunEnabled() {
		all["control-producer"] = map[string]any{
			"produced_count": s.submitted.Load(), "uptime_seconds": time.Since(s.since).Seconds(),
		}
	}
	return all
}

// Supervisor describes the process that holds the workers.
func (s *service) Supervisor() map[string]any {
	i := s.client.Info()
	return map[string]any{
		"connected": i.Connected, "pid": i.PID, "isolation": i.Isolation, "tree": i.Tree,
		"restarts": i.Restarts, "fork_server": i.ForkServer, "fork_server_restarts": i.ForkServerRestarts,
		"last_error": i.LastError, "missing": append([]string{}, i.Missing...), "lesser": append([]string{}, i.Lesser...),
	}
}

// Metrics describes the metrics page; nil without one.
func (s *service) Metrics() map[string]any {
	if s.metrics == nil {
		return nil
	}
	return s.metrics.Status()
}

// Drain ends the handing out of tasks until it is called again with false. A stop of the
// service is not undone.
func (s *service) Drain(ctx context.Context, drain bool) error {
	s.draining.Lock()
	defer s.draining.Unlock()
	turn := s.dispatcher.Resume
	if drain {
		turn = s.dispatcher.Pause
	}
	if err := turn(ctx); err != nil {
		return err
	}
	if s.intake.draining.Swap(drain) != drain {
		s.log.Info(map[bool]string{true: "draining: nothing new is taken, what runs goes on", false: "tasks are taken again"}[drain])
	}
	return nil
}

// Reload brings the daemon to what its file says now.
func (s *service) Reload(ctx context.Context) (commands.Reloaded, error) {
	return s.reloader.reload(ctx)
}

// stopTaking ends the input: tasks that come now are refused, and those that
// wait stay where they are.
func (s *service) stopTaking(ctx context.Context) {
	s.intake.stop()
	if s.leaving.Load() {
		_ = s.dispatcher.Leave(ctx) // likewise
		return
	}
	// It fails only when the dispatcher is gone, and then it takes nothing either.
	_ = s.dispatcher.StopTaking(ctx)
}

// rejected counts the messages that were dropped, by whoever saw first what was
// wrong with them.
func (s *service) rejected() uint64 {
	n := s.intake.rejected.Load()
	for _, source := range s.sources {
		n += source.Rejected()
	}
	return n
}

// figures is where the metrics come from.
func (s *service) figures() metrics.Sources {
	return metrics.Sources{
		Received: s.intake.received.Load, Controls: s.intake.controls.Load, Rejected: s.rejected,
		Pool: s.pool.Stats, Workers: s.pool.Workers, Postgres: s.postgres, Chunks: s.intake.chunkStats,
		Tasks:   func() (dispatch.Stats, error) { return within(scrapeBound, s.dispatcher.Stats) },
		Timings: func() (dispatch.Timings, error) { return within(scrapeBound, s.dispatcher.Timings) },
		Usage:   s.usage,
	}
}

// usage has the supervisor measure the workers.
func (s *service) usage() ([]supervisor.Usage, supervisor.Totals, error) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeBound)
	defer cancel()
	return s.client.Measure(ctx)
}

// scrapeBound is how long the dispatcher, or the supervisor, may take to give its figures.
const scrapeBound = time.Second

// within asks for something that may take only so long.
func within[T any](bound time.Duration, ask func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), bound)
	defer cancel()
	return ask(ctx)
}
