package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"testing"

	"dispatcherd/control"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/policy"
)

// BenchmarkQueued measures what a task of 200 bytes takes of the heap while it waits, for which
// a hundred thousand of them are taken in.
func BenchmarkQueued(b *testing.B) {
	const tasks = 100_000
	for range b.N {
		log := slog.New(slog.NewTextHandler(io.Discard, nil))
		d := dispatch.New(busyRunner{}, log)
		in := newIntake("node", 0, policy.New(policy.Config{}), d, log)
		over := make(chan struct{})
		go func() { defer close(over); d.Run(b.Context()) }()
		b.Cleanup(func() { <-over })
		before := live()
		for i := range tasks {
			payload := fmt.Appendf(nil, `{"task": "app.tasks.mail", "uuid": "4a3dbc49-d090-4b5c-8588-0d5dec%06d", "args": [%6d, "%048d"], "kwargs": {"to": "somebody", "subject": "hello there"}}`, i, i, i)
			if len(payload) != 200 {
				b.Fatalf("the message has %d bytes", len(payload))
			}
			in.handle(b.Context(), Incoming{Payload: payload, Channel: "app_tasks", Caller: control.Trusted{}})
		}
		if err := d.Ping(b.Context()); err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(live()-before)/tasks, "B/task")
		runtime.KeepAlive(d)
	}
}

// live is how many bytes of the heap are in use.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
