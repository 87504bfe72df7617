package daemon

import (
	"context"
	"time"

	"dispatcherd/control/commands"
	"dispatcherd/daemon/config"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/daemon/metrics"
	"dispatcherd/daemon/schedule"
	"dispatcherd/pgnotify"
	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// service is the daemon as the control commands and the metrics see it: the parts
// that answer questions.
type service struct {
	cfg        *config.Config
	client     *supervisor.Client
	pool       *workers.Pool
	dispatcher *dispatch.Dispatcher
	intake     *intake
	scheduler  *schedule.Scheduler
	sources    []Source
	postgres   func() pgnotify.Stats // nil without Postgres
}

var _ commands.Service = (*service)(nil)

// Submit takes a task that a control request brings.
func (s *service) Submit(_ context.Context, m *message.Message, watch chan<- dispatch.Ended) error {
	return s.intake.submit(m, "", watch)
}

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
	if len(s.cfg.Schedule.Schedule) > 0 {
		all["scheduled-producer"] = map[string]any{"produced_count": made.Scheduled, "uptime_seconds": made.Uptime.Seconds()}
	}
	if len(s.cfg.Schedule.OnStart) > 0 {
		all["on-start-producer"] = map[string]any{"produced_count": made.OnStart, "uptime_seconds": made.Uptime.Seconds()}
	}
	return all
}

// Supervisor describes the process that holds the workers.
func (s *service) Supervisor() map[string]any {
	i := s.client.Info()
	return map[string]any{
		"connected": i.Connected, "pid": i.PID, "isolation": i.Isolation, "tree": i.Tree,
		"restarts": i.Restarts, "fork_server": i.ForkServer, "fork_server_restarts": i.ForkServerRestarts,
		"last_error": i.LastError,
	}
}

// stopTaking ends the input: tasks that come now are refused, and those that
// wait stay where they are.
func (s *service) stopTaking(ctx context.Context) {
	s.intake.stop()
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
		Tasks: func() (dispatch.Stats, error) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return s.dispatcher.Stats(ctx)
		},
		Pool: s.pool.Stats, Postgres: s.postgres,
	}
}
