package daemon

import (
	"context"
	"log/slog"
	"time"

	"dispatcherd/daemon/dispatch"
)

const (
	// pressureEvery is how often Postgres is asked while the reading is paused.
	pressureEvery = time.Second
	// A queue of Postgres that is fuller than mostUsage is read out; below calmUsage the reading
	// may pause again. One that is full makes every NOTIFY of the cluster fail.
	mostUsage = 0.5
	calmUsage = 0.25
)

// pressable is the queue as the watch sees it.
type pressable interface {
	Queue() dispatch.Queue
	Press(now bool)
}

// pressure watches what Postgres has to hold while the reading from it is paused, and ends
// the pause before that is too much.
type pressure struct {
	queue pressable
	usage func(context.Context) (float64, error) // 0 to 1
	log   *slog.Logger

	failed bool // the last question had no answer, which was said
}

// run watches until ctx ends.
func (p *pressure) run(ctx context.Context) error {
	tick := time.NewTicker(pressureEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			p.look(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

// look asks Postgres if that matters now, and decides. Without an answer all stays as it is:
// a server that is away holds nothing that grows.
func (p *pressure) look(ctx context.Context) {
	q := p.queue.Queue()
	if !q.Paused && !q.Pressed {
		p.failed = false
		return
	}
	usage, err := p.usage(ctx)
	if err != nil {
		if !p.failed && ctx.Err() == nil {
			p.log.Warn("the reading is paused, and what Postgres holds meanwhile is not known", "err", err)
		}
		p.failed = true
		return
	}
	p.failed = false
	switch {
	case q.Pressed && usage < calmUsage:
		p.queue.Press(false)
		p.log.Info("the queue of Postgres has room; a full queue pauses the reading again", "usage", usage)
	case !q.Pressed && usage > mostUsage:
		p.queue.Press(true)
		p.log.Error("the queue of Postgres fills up, and with it NOTIFY would fail for all; tasks are read and rejected",
			"usage", usage, "event", "postgres-full")
	}
}
