package daemon

import (
	"context"
	"log/slog"
	"slices"
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

// take makes one of ours of a worker, and of the tasks that it runs.
func (h *heir) take(ctx context.Context, l *supervisor.Launched) (workers.Inherited, bool) {
	i := workers.Inherited{ID: l.Worker}
	notes, err := h.notes(l)
	if err != nil {
		h.log.Warn("what a worker of an earlier daemon runs is not known", "worker", l.Worker, "pid", l.PID, "err", err)
		notes = []supervisor.Note{{Began: time.Now()}} // which does it no harm, where the end of one that is idle might
	}
	var tasks []process.Inherited
	for _, note := range notes {
		t, err := h.resume(ctx, l.Worker, note)
		if err != nil { // the dispatcher has ended, and so does everything
			h.log.Warn("a task of an earlier daemon is not followed", "worker", l.Worker, "uuid", note.UUID, "task", note.Task, "err", err)
			continue
		}
		tasks = append(tasks, process.Inherited{Task: t, Theirs: note.Seq})
		if i.Task == nil {
			i.Task, i.Began = t, note.Began
		} else {
			i.Later = append(i.Later, t)
		}
	}
	i.Process, err = h.launcher.Adopt(l, tasks)
	if err != nil {
		h.log.Error("a worker of an earlier daemon cannot be taken over and is killed", "worker", l.Worker, "pid", l.PID, "err", err)
		for _, t := range tasks {
			h.dispatcher.Finished(dispatch.Ended{Seq: t.Task.Seq, Outcome: dispatch.Lost, Detail: err.Error()})
		}
		return i, false
	}
	return i, true
}

// notes are those of the task that the worker runs, and of those that it may have begun by itself
// when the earlier daemon did not hear of it any more. What it has not begun is queued again.
func (h *heir) notes(l *supervisor.Launched) ([]supervisor.Note, error) {
	var notes []supervisor.Note
	note, running, err := supervisor.ReadNote(l.Note)
	if running {
		notes = append(notes, note)
	}
	if l.Lane == nil {
		return notes, err
	}
	ahead := l.Lane.Notes()
	back := l.Lane.TakeBack()
	for _, note := range ahead {
		if slices.Contains(back, note.Seq) {
			h.requeue(l.Worker, note)
		} else {
			notes = append(notes, note)
		}
	}
	return notes, err
}

// requeue submits a task again that no worker has begun.
func (h *heir) requeue(worker int, note supervisor.Note) {
	m, err := parseNote(note)
	if err == nil {
		err = h.dispatcher.Submit(m, nil) // on the terms on which it was taken in
	}
	if err != nil {
		h.log.Error("a task of an earlier daemon that had not begun is lost", "worker", worker, "uuid", note.UUID, "task", note.Task, "err", err)
		return
	}
	h.log.Info("a task of an earlier daemon that had not begun is queued again", "worker", worker, "uuid", note.UUID, "task", note.Task)
}

// resume has the dispatcher follow the task of a note.
func (h *heir) resume(ctx context.Context, worker int, note supervisor.Note) (*workers.Task, error) {
	m, err := parseNote(note)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	seq, err := h.dispatcher.Adopt(ctx, m, worker, note.Began)
	if err != nil {
		return nil, err
	}
	return &workers.Task{Seq: seq, UUID: m.UUID, Name: m.Task, Timeout: m.Timeout}, nil
}

// parseNote makes a message of a note.
func parseNote(note supervisor.Note) (*message.Message, error) {
	if note.Message != nil {
		if m, err := message.Parse(note.Message); err == nil {
			return m, nil
		}
	}
	// It was too long to be kept: its labels are what is left.
	return message.Parse(message.Encode(map[string]any{"uuid": note.UUID, "task": note.Task}))
}
