package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"dispatcherd/control"
	"dispatcherd/control/commands"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/policy"
)

// BenchmarkRunning is the command running with ten thousand tasks in the queue, from the
// request to the text of its reply.
func BenchmarkRunning(b *testing.B) {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	d := dispatch.New(busyRunner{}, log)
	in := newIntake("node", 0, policy.New(policy.Config{}), d, log)
	in.commands = commands.NewTable(d, nil, nil)
	over := make(chan struct{})
	go func() { defer close(over); d.Run(b.Context()) }()
	b.Cleanup(func() { <-over })
	bring := func(payload string) (size int) {
		in.handle(b.Context(), Incoming{
			Payload: []byte(payload), Channel: "c", Caller: control.Trusted{},
			Reply: func(_ context.Context, _ string, text []byte) error { size = len(text); return nil },
		})
		return size
	}
	for i := range 10_000 {
		bring(fmt.Sprintf(`{"task": "app.tasks.mail", "uuid": "4a3dbc49-d090-4b5c-8588-0d5dec63%04d", "args": [%d], "kwargs": {"to": "somebody", "subject": "hello there"}}`, i, i))
	}
	for name, data := range map[string]string{"all": `{}`, "uuid": `{"uuid": "4a3dbc49-d090-4b5c-8588-0d5dec639999"}`} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if size := bring(`{"control": "running", "reply_to": "x", "control_data": ` + data + `}`); size < 100 {
					b.Fatalf("the reply has %d bytes", size)
				}
			}
		})
	}
}
