package daemon

import (
	"context"
	"fmt"
	"os"
	"runtime/metrics"
	"time"

	"dispatcherd/control/commands"
	"dispatcherd/workers/supervisor"
)

// measureBound is how long the supervisor may take to measure the workers. Over Postgres
// that holds up what the listener brings next: with roomBound it is less than the
// listener's bound to stop. It is also less than dispatcherctl waits for a reply.
const measureBound = 1500 * time.Millisecond

// liveObjects is what the heap holds, counted by the runtime.
const liveObjects = "/gc/heap/objects:objects"

// Memory measures the daemon, and has the supervisor measure the workers.
func (s *service) Memory(ctx context.Context) (commands.Memory, error) {
	m := commands.Memory{Objects: heapObjects()}
	var err error
	if m.Daemon, err = supervisor.Memory(os.Getpid()); err != nil {
		return m, fmt.Errorf("measure the daemon: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, measureBound)
	defer cancel()
	usages, err := s.client.Usage(ctx)
	for _, u := range usages {
		m.Workers = append(m.Workers, commands.WorkerMemory{
			Worker: u.Worker, PID: u.PID, Bytes: u.Memory, Source: string(u.Source),
			CPU: u.CPU, Throttled: u.Throttled, Peak: u.MemoryPeak, Max: u.MemoryMax, PIDs: u.PIDs, OOMKills: u.OOMKills,
		})
	}
	return m, err
}

func heapObjects() int64 {
	sample := []metrics.Sample{{Name: liveObjects}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}
