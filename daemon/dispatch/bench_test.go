package dispatch

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"dispatcherd/daemon/message"
)

// quickRunner has workers that end every task at once, each in a goroutine of
// its own, as the pool's do.
type quickRunner struct {
	free  chan int
	tasks []chan uint64
}

func (r *quickRunner) TryRun(seq uint64, _ *message.Message) (int, bool) {
	select {
	case w := <-r.free:
		r.tasks[w] <- seq
		return w, true
	default:
		return 0, false
	}
}

func (r *quickRunner) Ahead(uint64, *message.Message) (ok bool) { return false }
func (r *quickRunner) Requeued(int)                             {}
func (r *quickRunner) TakeBack() []uint64                       { return nil }
func (r *quickRunner) Waiting(int)                              {}
func (r *quickRunner) Cancel(uint64)                            {}

// BenchmarkSubmitRunFinish is the whole way of a task through the dispatcher,
// four workers, with as many tasks in flight as the name says.
func BenchmarkSubmitRunFinish(b *testing.B) {
	for _, inFlight := range []int{1, 4, 256, 100_000} {
		b.Run(fmt.Sprint(inFlight), func(b *testing.B) { benchmark(b, inFlight) })
	}
}

func benchmark(b *testing.B, inFlight int) {
	const workers = 4
	r := &quickRunner{free: make(chan int, workers)}
	d := New(r, slog.New(slog.DiscardHandler))
	slots := make(chan struct{}, inFlight)
	for w := range workers {
		tasks := make(chan uint64, 1)
		r.tasks = append(r.tasks, tasks)
		r.free <- w
		go func() {
			for seq := range tasks {
				r.free <- w
				d.Finished(Ended{Seq: seq, Outcome: Succeeded})
				<-slots
			}
		}()
		defer close(tasks)
	}
	ctx, cancel := context.WithCancel(b.Context())
	over := make(chan struct{})
	go func() { defer close(over); d.Run(ctx) }()
	defer func() { cancel(); <-over }()

	messages := make([]*message.Message, 1000)
	for i := range messages {
		m, err := message.Parse(fmt.Appendf(nil, `{"task": "app.tasks.work", "uuid": "u%d", "args": [%d]}`, i, i))
		if err != nil {
			b.Fatal(err)
		}
		messages[i] = m
	}
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		slots <- struct{}{}
		if err := d.Submit(messages[n%len(messages)], nil); err != nil {
			b.Fatal(err)
		}
	}
	for range inFlight {
		slots <- struct{}{} // all have ended
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}
