package process

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"dispatcherd/workers"
)

// loggingStream is the stream of what a task says by Python's logging.
const loggingStream = "logging"

// relay logs the body of a log frame: a word of the worker's runtime, or, with the name
// of a logger, a record of Python's logging. t is the task that runs, or nil.
func relay(log *slog.Logger, t *workers.Task, body []byte) error {
	var said struct {
		Level   string `json:"level"` // as Python's logging names it
		Logger  string `json:"logger"`
		Message string `json:"message"` // with the traceback, if there is one
	}
	if err := json.Unmarshal(body, &said); err != nil {
		return fmt.Errorf("log frame: %w", err)
	}
	var attrs []slog.Attr
	if said.Logger != "" {
		log = atAnyLevel(log)
		attrs = append(attrs, slog.String("stream", loggingStream), slog.String("logger", said.Logger))
	}
	log.LogAttrs(context.Background(), levelOf(said.Level), said.Message, ofTask(t, attrs...)...)
	return nil
}

// ofTask adds what labels a task.
func ofTask(t *workers.Task, attrs ...slog.Attr) []slog.Attr {
	if t == nil {
		return attrs
	}
	return append(attrs, slog.String("uuid", t.UUID), slog.String("task", t.Name))
}

// levelOf translates the name of a level of Python's logging.
func levelOf(name string) slog.Level {
	switch name {
	case "debug":
		return slog.LevelDebug
	case "warning":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	case "critical":
		return slog.LevelError + 4
	default:
		return slog.LevelInfo
	}
}

// atAnyLevel returns a log that writes what the level of log would leave out. A task's
// words are the task's: their level is not for the daemon to set.
func atAnyLevel(log *slog.Logger) *slog.Logger { return slog.New(unfiltered{log.Handler()}) }

type unfiltered struct{ slog.Handler }

func (unfiltered) Enabled(context.Context, slog.Level) bool { return true }

func (u unfiltered) WithAttrs(attrs []slog.Attr) slog.Handler {
	return unfiltered{u.Handler.WithAttrs(attrs)}
}

func (u unfiltered) WithGroup(name string) slog.Handler { return unfiltered{u.Handler.WithGroup(name)} }
