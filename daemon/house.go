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
	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// house holds the parts that answer questions.
type house struct {
	cfg        *config.Config
	client     *supervisor.Client
	pool       *workers.Pool
	dispatcher *dispatch.Dispatcher
	intake     *intake
	scheduler  *schedule.Scheduler
	all        []Source
}

var _ commands.Service = (*house)(nil)

// Submit takes a task that a control request brings.
func (h *house) Submit(_ context.Context, m *message.Message, watch chan<- dispatch.Ended) error {
	return h.intake.submit(m, "", watch)
}

// Main returns the counters of messages.
func (h *house) Main() (received, control uint64) {
	return h.intake.received.Load(), h.intake.controls.Load()
}

// Producers describes the sources.
func (h *house) Producers() map[string]any {
	all := map[string]any{}
	for _, s := range h.all {
		all[s.Name()] = s.Describe()
	}
	made := h.scheduler.Stats()
	if len(h.cfg.Schedule.Schedule) > 0 {
		all["scheduled-producer"] = map[string]any{"produced_count": made.Scheduled, "uptime_seconds": made.Uptime.Seconds()}
	}
	if len(h.cfg.Schedule.OnStart) > 0 {
		all["on-start-producer"] = map[string]any{"produced_count": made.OnStart, "uptime_seconds": made.Uptime.Seconds()}
	}
	return all
}

// Supervisor describes the process that holds the workers.
func (h *house) Supervisor() map[string]any {
	i := h.client.Info()
	return map[string]any{
		"connected": i.Connected, "pid": i.PID, "isolation": i.Isolation, "tree": i.Tree,
		"restarts": i.Restarts, "fork_server": i.ForkServer, "last_error": i.LastError,
	}
}

// stopTaking ends the input: tasks that come now are refused, and those that
// wait stay where they are.
func (h *house) stopTaking(ctx context.Context) {
	h.intake.stop()
	// It fails only when the dispatcher is gone, and then it takes nothing either.
	_ = h.dispatcher.StopTaking(ctx)
}

// rejected counts the messages that were dropped, by whoever saw first what was
// wrong with them.
func (h *house) rejected() uint64 {
	n := h.intake.rejected.Load()
	for _, s := range h.all {
		n += s.Rejected()
	}
	return n
}

// sources is where the metrics come from.
func (h *house) sources() metrics.Sources {
	return metrics.Sources{
		Received: h.intake.received.Load, Controls: h.intake.controls.Load, Rejected: h.rejected,
		Tasks: func() (dispatch.Stats, error) {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			return h.dispatcher.Stats(ctx)
		},
		Pool: h.pool.Stats,
	}
}
