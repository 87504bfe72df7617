package commands

import (
	"context"
	"fmt"
	"time"
)

// Memory is what the daemon and its workers take, in bytes.
type Memory struct {
	Objects int64 // live objects on the daemon's heap
	Daemon  int64
	Workers []WorkerMemory // by worker
}

// WorkerMemory is what a worker takes, with whatever its task has started.
type WorkerMemory struct {
	Worker, PID int
	Bytes       int64
	Source      string // what of the kernel's says so: "cgroup" or "smaps_rollup"; "" where it does not

	// What follows is 0 where nobody counts it. It is of the whole life of the worker's process.

	CPU, Throttled time.Duration
	Peak, Max      int64 // bytes: the most that was taken at once, and the limit
	PIDs           int   // processes and threads, now
	OOMKills       int
}

// memory tells what the daemon and each worker take.
func memory(t *Table, ctx context.Context, _ Call) (Answer, error) {
	m, err := t.service.Memory(ctx)
	if err != nil {
		return Answer{}, err
	}
	total, all := m.Daemon, map[string]any{}
	for _, w := range m.Workers {
		d := map[string]any{"pid": w.PID, "memory_bytes": nil, "source": nil}
		if w.Source != "" {
			total += w.Bytes
			d["memory_bytes"], d["source"] = w.Bytes, w.Source
		}
		all[fmt.Sprintf("worker-%d", w.Worker)] = d
	}
	return Answer{Reply: map[string]any{
		"objects": m.Objects, "daemon_bytes": m.Daemon, "workers": all, "total_bytes": total,
	}}, nil
}
