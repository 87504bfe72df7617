package commands

import (
	"time"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/workers"
)

// verdict is how a task has ended and what it has cost. What nobody could measure is null.
func verdict(e dispatch.Ended) map[string]any {
	u := e.Usage
	return map[string]any{
		"uuid": e.UUID, "task": e.Task, "outcome": string(e.Outcome), "detail": e.Detail, "worker": e.Worker,
		"ended_at":         float64(e.At.UnixMicro()) / 1e6,
		"run_time_seconds": e.RunTime.Seconds(), "queue_time_seconds": e.QueueTime.Seconds(),
		"cpu_seconds": known(u.CPU, time.Duration.Seconds), "throttled_seconds": u.Throttled.Seconds(),
		"memory_peak_bytes": known(u.MemoryPeak, same), "memory_source": known(u.MemorySource, same),
		"memory_max_bytes": known(u.MemoryMax, same), "pids_peak": known(u.PIDsPeak, same),
		"read_bytes": u.Read, "written_bytes": u.Written,
		"oom_kills": u.OOMKills, "oom_victim": known(u.OOMVictim, same),
		"leftovers": u.Leftovers, "left_alone": u.LeftAlone,
		"death": death(e.Death),
	}
}

// death is how the worker's process ended under its task; null when it did not, or when
// nobody has seen it.
func death(d *workers.Death) any {
	switch {
	case d == nil || d.Unknown:
		return nil
	case d.Signal == 0:
		return map[string]any{"exit_code": d.Code}
	}
	return map[string]any{"signal": int(d.Signal), "core": d.Core, "by": known(d.By, same), "out_of_memory": d.OOM}
}

// known is a figure as it is told, null for one that is not known.
func known[T comparable, V any](value T, tell func(T) V) any {
	var unknown T
	if value == unknown {
		return nil
	}
	return tell(value)
}

func same[T any](value T) T { return value }
