package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/pprof"
	"time"

	"dispatcherd/control"
)

// mainTask is what the original calls the task that runs the others.
const mainTask = "dispatcherd_service_main"

// counterparts are the original's names for those of its asyncio tasks that do what our
// parts do: programs look for them in the reply to aio_tasks.
var counterparts = map[string]string{
	"runner":     "results_task",
	"pool":       "management_task",
	"dispatcher": "delayed_task_runner",
	"scheduler":  "ScheduledProducer",
	"metrics":    "metrics_server",
	"socket":     "dispatcherd.brokers.socket_production",
	"listener":   "dispatcherd.brokers.pg_notify_production",
}

// goroutineName labels the goroutine of a part.
func goroutineName(part string) pprof.LabelSet {
	name, ok := counterparts[part]
	if !ok {
		name = part
	}
	return pprof.Labels(control.TaskLabel, name)
}

// part is one running piece of the daemon.
type part struct {
	name string
	run  func(ctx context.Context) error
	// halt, if not nil, is called when the part's turn to stop has come, just
	// before its context ends.
	halt func(ctx context.Context)
	// bound is how long the part may take to stop.
	bound time.Duration
}

// started is a part that runs.
type started struct {
	part
	cancel context.CancelFunc
	done   chan struct{} // closed when run has returned
	err    error         // what it returned; read after done
}

// crew is the parts that run, in the order in which they were started.
type crew struct {
	log    *slog.Logger
	parts  []*started
	failed chan *started // buffered for every part: those that returned by themselves
}

func newCrew(n int, log *slog.Logger) *crew {
	return &crew{log: log, failed: make(chan *started, n)}
}

// start runs p until it is its turn to stop. The end of ctx stops nothing: parts
// are stopped one after the other.
func (c *crew) start(ctx context.Context, p part) {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &started{part: p, cancel: cancel, done: make(chan struct{})}
	c.parts = append(c.parts, s)
	go func() {
		defer close(s.done)
		pprof.Do(own, goroutineName(p.name), func(own context.Context) { s.err = p.run(own) })
		if own.Err() == nil {
			c.failed <- s
		}
	}()
}

// stopFirst stops one part before its turn. What goes wrong is told when that comes.
func (c *crew) stopFirst(ctx context.Context, name string) {
	for _, s := range c.parts {
		if s.name == name {
			_ = s.stop(ctx, c.log)
		}
	}
}

// stop stops every part in reverse order, each within its bound, and returns
// what went wrong.
func (c *crew) stop(ctx context.Context) error {
	var errs []error
	for i := len(c.parts) - 1; i >= 0; i-- {
		errs = append(errs, c.parts[i].stop(ctx, c.log))
	}
	return errors.Join(errs...)
}

func (s *started) stop(ctx context.Context, log *slog.Logger) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.bound)
	defer cancel()
	if s.halt != nil {
		s.halt(ctx)
	}
	s.cancel()
	select {
	case <-s.done:
	case <-ctx.Done():
		log.Error("a part does not stop and is left behind", "part", s.name, "bound", s.bound)
		return fmt.Errorf("%s did not stop within %v", s.name, s.bound)
	}
	if s.err != nil {
		return fmt.Errorf("%s: %w", s.name, s.err)
	}
	return nil
}

// ended says what to make of a part that returned by itself.
func (s *started) ended() error {
	<-s.done
	if s.err == nil {
		return fmt.Errorf("%s ended by itself", s.name)
	}
	return nil // stop reports it
}
