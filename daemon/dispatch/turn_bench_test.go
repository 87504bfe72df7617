package dispatch

import (
	"fmt"
	"log/slog"
	"testing"

	"dispatcherd/daemon/message"
)

// handRunner has so many free workers. A task ends when the benchmark says so. What else a runner does
// is nothing.
type handRunner struct {
	quickRunner
	idle    int
	running []uint64 // seqs, the oldest first
}

func (r *handRunner) TryRun(seq uint64, _ *message.Message) (int, bool) {
	if r.idle == 0 {
		return 0, false
	}
	r.idle--
	r.running = append(r.running, seq)
	return r.idle, true
}

// end has the oldest task end, and its worker free.
func (r *handRunner) end(d *Dispatcher) {
	seq := r.running[0]
	r.running = append(r.running[:0], r.running[1:]...)
	r.idle++
	d.Finished(Ended{Seq: seq, Outcome: Succeeded})
}

// BenchmarkTurn is the dispatcher's loop alone, without another goroutine: four workers, a task that
// arrives, and one that ends. So many others are queued before it, each of which is different.
func BenchmarkTurn(b *testing.B) {
	for _, queued := range []int{0, 100_000} {
		for _, bm := range []struct {
			name, rest string
			equal      bool
		}{
			{"parallel", "", false},
			{"equal", "", true},
			{"serial", `, "on_duplicate": "serial"`, false},
			{"delayed", `, "delay": 1e-9`, false},
		} {
			b.Run(fmt.Sprintf("%s/queued %d", bm.name, queued), func(b *testing.B) {
				m := parsed(b, bm.rest)
				arriving := []*message.Message{m}
				if !bm.equal { // more than there ever are at once, so that none has an equal
					arriving = different(m, queued, queued+1000)
				}
				waiting := m
				if m.Delay() > 0 {
					waiting = parsed(b, "")
				}
				turns(b, different(waiting, 0, queued), arriving)
			})
		}
	}
}

func parsed(b *testing.B, rest string) *message.Message {
	m, err := message.Parse([]byte(`{"task": "app.tasks.work", "uuid": "u", "args": [1]` + rest + "}"))
	if err != nil {
		b.Fatal(err)
	}
	return m
}

// different is so many tasks like m that equal no other, by a number each, the first from.
func different(m *message.Message, from, n int) (all []*message.Message) {
	for i := from; i < from+n; i++ {
		other := *m
		other.Key = message.Key{1, byte(i >> 16), byte(i >> 8), byte(i)}
		all = append(all, &other)
	}
	return all
}

// idle is a dispatcher whose loop is the benchmark's, with so many free workers.
func idle(workers int) (*Dispatcher, *handRunner) {
	r := &handRunner{idle: workers}
	d := New(r, slog.New(slog.DiscardHandler))
	d.alarm = newAlarm()
	return d, r
}

func turns(b *testing.B, queued, arriving []*message.Message) {
	d, r := idle(4)
	for _, m := range queued {
		submit(b, d, m)
	}
	d.turn(nil)
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		submit(b, d, arriving[n%len(arriving)])
		for d.turn(nil); len(r.running) == 0; { // a delay of a nanosecond may not be over yet
			d.turn(nil)
		}
		r.end(d)
		d.turn(nil)
	}
}

func submit(b *testing.B, d *Dispatcher, m *message.Message) {
	if err := d.Submit(m, nil); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkTwins is equal tasks of each mode while one of them runs: what arrives is blocked, or
// discarded, and of those that are blocked one begins for each that ends.
func BenchmarkTwins(b *testing.B) {
	for _, bm := range []struct {
		mode    string
		blocked int
	}{{"serial", 1}, {"serial", 100_000}, {"discard", 0}, {"queue_one", 1}} {
		b.Run(fmt.Sprintf("%s/blocked %d", bm.mode, bm.blocked), func(b *testing.B) {
			d, r := idle(4)
			m := parsed(b, fmt.Sprintf(`, "on_duplicate": %q`, bm.mode))
			for range 1 + bm.blocked {
				submit(b, d, m)
			}
			d.turn(nil)
			b.ReportAllocs()
			for b.Loop() {
				submit(b, d, m)
				d.turn(nil)
				if bm.mode == "serial" {
					r.end(d)
					d.turn(nil)
				}
			}
			if len(r.running) != 1 {
				b.Errorf("%d of the equal tasks run, want one", len(r.running))
			}
		})
	}
}
