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
	p, err := newProcess(id, launched, l.holder, l.log)
	if err != nil {
		_ = l.holder.Kill(id) // what err says is worth more
		return nil, fmt.Errorf("worker %d: %w", id, err)
	}
	return p, nil
}
