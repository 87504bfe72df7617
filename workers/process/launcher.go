package process

import (
	"context"
	"fmt"
	"log/slog"

	"dispatcherd/workers"
	"dispatcherd/workers/supervisor"
)

// Launcher starts workers through the supervisor.
type Launcher struct {
	holder holder
	log    *slog.Logger
}

// holder is what is asked of the supervisor.
type holder interface {
	Launch(ctx context.Context, worker int) (*supervisor.Launched, error)
	Interrupt(worker int) error
	Kill(worker int) error
	// Limits are those of every worker, as text.
	Limits() string
	Limit(worker int, limits string, fresh bool, done func(supervisor.Limited)) (waits bool, err error)
	Watch(worker int) error
	Account(ctx context.Context, worker int, spent supervisor.Spent) (supervisor.Account, error)
}

var _ holder = (*supervisor.Client)(nil)

// NewLauncher returns a launcher whose workers log to log: their output and
// what their runtime has to say.
func NewLauncher(client *supervisor.Client, log *slog.Logger) *Launcher {
	return &Launcher{holder: client, log: log}
}

var _ workers.Launcher = (*Launcher)(nil)

// Launch starts the process of a worker.
func (l *Launcher) Launch(ctx context.Context, id int) (workers.Process, error) {
	launched, err := l.holder.Launch(ctx, id)
	if err != nil {
		return nil, err
	}
	return l.open(launched, nil)
}

// Inherited is a task of an earlier daemon.
type Inherited struct {
	Task   *workers.Task
	Theirs uint64 // its number in the note about it, and in the worker's frames
}

// Adopt makes a process of a worker of an earlier daemon. The first of tasks is the one that it
// ran when that daemon last heard of it; it may have begun the others since, in this order.
func (l *Launcher) Adopt(launched *supervisor.Launched, tasks []Inherited) (workers.Process, error) {
	p, err := l.open(launched, tasks)
	if err != nil {
		return nil, err
	}
	if err := p.disown(); err != nil {
		p.log.Warn("a request that the earlier daemon did not answer stays without an answer", "err", err)
	}
	return p, nil
}

func (l *Launcher) open(launched *supervisor.Launched, tasks []Inherited) (*Process, error) {
	id := launched.Worker
	p, err := newProcess(id, launched, tasks, l.holder, l.log)
	if err != nil {
		_ = l.holder.Kill(id) // what err says is worth more
		return nil, fmt.Errorf("worker %d: %w", id, err)
	}
	return p, nil
}
