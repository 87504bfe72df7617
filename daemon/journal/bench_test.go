package journal

import (
	"io"
	"log/slog"
	"math"
	"testing"

	"dispatcherd/daemon/journal/journaltest"
)

// BenchmarkLine is what a line of a task's output costs, up to the journal's socket.
func BenchmarkLine(b *testing.B) {
	journal := journaltest.Listen(b)
	go journal.Discard()
	for _, tt := range []struct{ name, format string }{{"journal", "journal:" + journal.Path}, {"json", JSON}, {"logfmt", Logfmt}} {
		b.Run(tt.name, func(b *testing.B) {
			handler, err := New(tt.format, io.Discard, slog.LevelInfo)
			if err != nil {
				b.Fatal(err)
			}
			if h, ok := handler.(*Handler); ok {
				h.shared.out.(*native).flood.burst = math.MaxInt
			}
			log := slog.New(handler).With("part", "worker", "worker", 3)
			for b.Loop() {
				log.Info("step 42 of 100 is done", "stream", "stdout", "uuid", "3efa2fbc-5c78-45dd-9e03-3efce809326c", "task", "app.tasks.work")
			}
		})
	}
}
