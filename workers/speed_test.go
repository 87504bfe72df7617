package workers_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"dispatcherd/workers"
)

// BenchmarkTask is what the pool itself costs a task: handing it over, hearing of its
// end, reporting that. The processes are fakes that are done at once.
func BenchmarkTask(b *testing.B) {
	for _, size := range []int{1, 4, 64} {
		b.Run(fmt.Sprintf("%d workers", size), func(b *testing.B) { measure(b, size) })
	}
}

func measure(b *testing.B, size int) {
	launcher := &fakeLauncher{habits: habits{eager: true}, procs: map[int]*fakeProcess{}}
	cfg := workers.DefaultConfig()
	cfg.MinWorkers, cfg.MaxWorkers = size, size
	events := make(chan workers.Event, 256)
	p := workers.NewPool(cfg, launcher, func(e workers.Event) { events <- e }, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for range size {
		<-events // it is ready
	}
	b.ReportAllocs()
	open := 0
	for seq := range uint64(b.N) {
		for t := (&workers.Task{Seq: seq}); ; {
			if _, ok := p.TryRun(t); ok {
				open++
				break
			}
			<-events
			open--
		}
	}
	for ; open > 0; open-- {
		<-events
	}
	b.StopTimer()
	cancel()
	if err := <-ended; err != nil {
		b.Errorf("Run() = %v", err)
	}
	if len(events) > 0 {
		b.Error("an event came after the last task")
	}
}
