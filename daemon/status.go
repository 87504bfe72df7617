package daemon

import (
	"fmt"
	"strings"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/workers"
)

// condition is what the service manager is told of, at one moment.
type condition struct {
	pool     workers.Stats
	tasks    dispatch.Stats
	postgres string // "connected" or "away"; "" when it is not used
	alone    bool   // there is no supervisor
	refused  string // why the last reload has changed nothing
}

// condition asks the parts; ok is false when they do not answer.
func (s *service) condition() (c condition, ok bool) {
	tasks, err := within(scrapeBound, s.dispatcher.Stats)
	if err != nil {
		return condition{}, false
	}
	c = condition{pool: s.pool.Stats(), tasks: tasks, alone: !s.client.Info().Connected}
	c.refused, _ = s.reloader.refused.Load().(string)
	if s.postgres != nil {
		c.postgres = "away"
		if s.postgres().Connected {
			c.postgres = "connected"
		}
	}
	return c, true
}

// String is the status for an administrator, in one line.
func (c condition) String() string {
	text := fmt.Sprintf("%d workers, %d running, %d queued", c.pool.Usable(), c.tasks.Running, c.tasks.Queued)
	if c.pool.Usable() == 1 {
		text = strings.Replace(text, "workers", "worker", 1)
	}
	text += fullness(c.tasks.Queue)
	if c.postgres != "" {
		text += "; postgres: " + c.postgres
	}
	switch {
	case c.alone:
		text += "; no supervisor"
	case c.pool.CrashLoop:
		text += "; workers fail: " + c.pool.LastError
	case c.pool.Failures > 0 && c.pool.Ready+c.pool.Busy == 0:
		text += "; no worker could be started: " + c.pool.LastError
	}
	if c.refused != "" {
		text += "; not reloaded: " + c.refused
	}
	return text
}

// fullness says what a full queue means for those who send.
func fullness(q dispatch.Queue) string {
	switch {
	case q.Paused:
		return "; QUEUE FULL: reading is paused, and control requests behind tasks wait"
	case q.Full && q.Pressed:
		return "; QUEUE FULL: tasks are rejected, for Postgres holds too many"
	case q.Full:
		return "; QUEUE FULL: tasks are rejected"
	default:
		return ""
	}
}
