package daemon

import (
	"context"
	"log/slog"
	"time"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/workers"
	"dispatcherd/workers/process"
	"dispatcherd/workers/supervisor"
)

// heir takes over the workers that an earlier daemon has left with the supervisor.
type heir struct {
	client     *supervisor.Client
	launcher   *process.Launcher
	dispatcher *dispatch.Dispatcher
	pool       *workers.Pool
	log        *slog.Logger
}

// run takes over what there is at each connection; the first one lets the pool start.
func (h *heir) run(ctx context.Context) error {
	for {
		select {
		case list := <-h.client.Inherited():
			var inherited []workers.Inherited
			for _, l := range list {
				if i, ok := h.take(ctx, l); ok {
					inherited = append(inherited, i)
				}
			}
			h.pool.Adopt(inherited)
		case <-ctx.Done():
			return nil
		}
	}
}

// take makes one of ours of a worker, and of the task that it runs.
func (h *heir) take(ctx context.Context, l *supervisor.Launched) (workers.Inherited, bool) {
	i := workers.Inherited{ID: l.Worker}
	note, running, err := supervisor.ReadNote(l.Note)
	if err != nil {
		h.log.Warn("what a worker of an earlier daemon runs is not known", "worker", l.Worker, "pid", l.PID, "err", err)
		running, note.Began = true, time.Now() // which does it no harm, where the end of one that is idle might
	}
	if running {
		i.Began = note.Began
		i.Task, err = h.resume(ctx, l.Worker, note)
		if err != nil { // the dispatcher has ended, and so does everything
			h.log.Warn("a task of an earlier daemon is not followed", "worker", l.Worker, "uuid", note.UUID, "task", note.Task, "err", err)
		}
	}
	i.Process, err = h.launcher.Adopt(l, i.Task, note.Seq)
	if err != nil {
		h.log.Error("a worker of an earlier daemon cannot be taken over and is killed", "worker", l.Worker, "pid", l.PID, "err", err)
		if i.Task != nil {
			h.dispatcher.Finished(dispatch.Ended{Seq: i.Task.Seq, Outcome: dispatch.Lost, Detail: err.Error()})
		}
		return i, false
	}
	return i, true
}

// resume has the dispatcher follow the task of a note.
func (h *heir) resume(ctx context.Context, worker int, note supervisor.Note) (*workers.Task, error) {
	m, err := message.Parse(note.Message)
	if note.Message == nil || err != nil { // it was too long to be kept: its labels are what is left
		m, err = message.Parse(message.Encode(map[string]any{"uuid": note.UUID, "task": note.Task}))
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	seq, err := h.dispatcher.Adopt(ctx, m, worker, note.Began)
	if err != nil {
		return nil, err
	}
	return &workers.Task{Seq: seq, UUID: m.UUID(), Name: m.Task, Timeout: m.Timeout}, nil
}
