package dispatch

import (
	"context"
	"log/slog"
)

// logEnd writes the line about one task. Those that one request cancels before they ran
// share one line.
func (d *Dispatcher) logEnd(t *task, was State, e *Ended) {
	level := e.level(was)
	if e.Outcome == Succeeded && t.adopted() { // the one trace of it in this daemon's log
		level = max(level, slog.LevelInfo)
	}
	if !d.log.Enabled(context.Background(), level) {
		return // as for most tasks: nothing is put into words
	}
	attrs := append(e.attrs(), e.event()...)
	d.log.Log(context.Background(), level, "task ended", attrs...)
}

// level is that of the line about the end of a task that was in the state was.
func (e *Ended) level(was State) slog.Level {
	switch {
	case was == Running && e.Outcome != Succeeded:
		return slog.LevelWarn
	case e.Usage.OOMKills > 0, e.Usage.LeftAlone: // whether the task minds or not
		return slog.LevelWarn
	case e.Usage.Leftovers > 0:
		return slog.LevelInfo
	default:
		return slog.LevelDebug
	}
}

// attrs are the verdict in words. What is 0 was not measured, or there was none.
func (e *Ended) attrs() []any {
	attrs := []any{"worker", e.Worker, "uuid", e.UUID, "task", e.Task,
		"outcome", string(e.Outcome), "run_seconds", e.RunTime.Seconds(), "queue_seconds", e.QueueTime.Seconds()}
	u := &e.Usage
	if u.CPU > 0 {
		attrs = append(attrs, "cpu_seconds", u.CPU.Seconds())
	}
	if u.MemoryPeak > 0 {
		attrs = append(attrs, "memory_peak_bytes", u.MemoryPeak, "memory_source", string(u.MemorySource))
	}
	for _, a := range []struct {
		key   string
		value int64
	}{
		{"memory_max_bytes", u.MemoryMax}, {"pids_peak", int64(u.PIDsPeak)},
		{"read_bytes", u.Read}, {"written_bytes", u.Written},
		{"oom_kills", int64(u.OOMKills)}, {"leftovers", int64(u.Leftovers)},
	} {
		if a.value > 0 {
			attrs = append(attrs, a.key, a.value)
		}
	}
	if u.Throttled > 0 {
		attrs = append(attrs, "throttled_seconds", u.Throttled.Seconds())
	}
	if u.LeftAlone {
		attrs = append(attrs, "left_alone", true)
	}
	if e.Death != nil && e.Death.By != "" {
		attrs = append(attrs, "killed_by", e.Death.By)
	}
	return append(attrs, "err", e.Detail)
}

// event names what an administrator is told more about.
func (e *Ended) event() []any {
	if e.Usage.OOMKills > 0 {
		return []any{"event", "task-oom"}
	}
	switch e.Outcome {
	case Killed, Quit, Crashed, Lost:
		return []any{"event", "task-died"}
	default:
		return nil
	}
}
