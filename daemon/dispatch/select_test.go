package dispatch

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/daemon/message"
)

func (r *rig) cancel(f Filter) string {
	r.Helper()
	entries, err := r.Cancel(r.Context(), f)
	if err != nil {
		r.Fatalf("Cancel(%+v): %v", f, err)
	}
	synctest.Wait()
	return show(entries)
}

func TestCancelRemovesEveryMatch(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "busy", message.Parallel))
		r.submit(body("b", "busy", message.Serial))
		var watches []<-chan Ended
		for i := range 4 {
			watches = append(watches, r.submit(body(fmt.Sprintf("q%d", i), "queued", message.Parallel)))
		}
		for i := range 4 {
			watches = append(watches, r.submit(body(fmt.Sprintf("s%d", i), "queued", message.Serial)))
		}
		for i := range 4 {
			watches = append(watches, r.submit(fmt.Sprintf(`{"uuid": "d%d", "task": "queued", "delay": 9}`, i)))
		}
		got := r.cancel(Filter{Task: []byte(`"queued"`)})
		want := "blocked-1 s0, blocked-2 s1, blocked-3 s2, blocked-4 s3, " +
			"queued-0 q0, queued-1 q1, queued-2 q2, queued-3 q3, " +
			"delayed-0 d0, delayed-1 d1, delayed-2 d2, delayed-3 d3"
		if got != want {
			r.Errorf("Cancel() = %s, want %s", got, want)
		}
		r.wantList("worker-0 a, blocked-0 b")
		for _, watch := range watches {
			if e := r.wantEnd(watch, Cancelled); e.Worker != -1 {
				r.Errorf("the end names worker %d, want none", e.Worker)
			}
		}
		if len(r.runner.cancelled) != 0 {
			r.Errorf("the runner was told to cancel %v", r.runner.cancelled)
		}
		lines := r.logs("tasks cancelled")
		if len(lines) != 1 || lines[0]["queued"] != 4.0 || lines[0]["blocked"] != 4.0 || lines[0]["delayed"] != 4.0 || lines[0]["running"] != 0.0 {
			r.Errorf("logged %v, want one line with the counts", lines)
		}
	})
}

func TestEmptyFilterCancelsEverything(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.submit(body("a", "job", message.Serial))
		r.submit(body("b", "job", message.Serial))
		r.submit(body("c", "else", message.Parallel))
		r.submit(body("d", "else", message.Parallel))
		r.submit(`{"uuid": "e", "task": "job", "delay": 9}`)
		if got, want := r.cancel(Filter{}), "worker-0 a, worker-1 c, blocked-0 b, queued-0 d, delayed-0 e"; got != want {
			r.Errorf("Cancel() = %s, want %s", got, want)
		}
		r.wantList("worker-0 a, worker-1 c")
		if want := []uint64{1, 3}; !slices.Equal(r.runner.cancelled, want) {
			r.Errorf("the runner was told to cancel %v, want %v", r.runner.cancelled, want)
		}
	})
}

func TestCancelledRunningTaskEndsWhenTheRunnerSaysSo(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		a := r.submit(body("a", "job", message.Serial))
		r.submit(body("b", "job", message.Serial))
		r.cancel(Filter{UUID: []byte(`"a"`)})
		r.wantNoEnd(a)
		r.wantList("worker-0 a, blocked-0 b")
		r.Finished(Ended{Seq: r.runner.leave("a"), Outcome: Cancelled})
		synctest.Wait()
		r.wantEnd(a, Cancelled)
		r.wantList("worker-0 b")
	})
}

func TestCancelLetsTheTwinsOfQueuedTasksGoInTheirOrder(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("busy", "busy", message.Parallel))
		r.submit(body("qx", "x", message.Parallel))
		r.submit(body("qy", "y", message.Parallel))
		r.submit(body("by", "y", message.Serial))
		r.submit(body("bx", "x", message.Serial))
		r.submit(body("by2", "y", message.Serial))
		err := r.ask(r.Context(), func() {
			r.Dispatcher.cancel(func(m *message.Message) bool { return m.UUID() == "qx" || m.UUID() == "qy" })
		})
		if err != nil {
			r.Fatal(err)
		}
		r.wantList("worker-0 busy, blocked-0 by2, queued-0 by, queued-1 bx")
	})
}

func TestPositionsCountHiddenTasksToo(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.submit(body("a", "x", message.Parallel))
		r.submit(body("b", "y", message.Parallel))
		r.submit(body("c", "x", message.Parallel))
		r.submit(body("d", "y", message.Parallel))
		if got, want := r.filtered(Filter{Task: []byte(`"y"`)}), "worker-1 b, queued-1 d"; got != want {
			r.Errorf("Tasks() = %s, want %s", got, want)
		}
	})
}

func TestRunningTasksAreListedByWorker(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		for _, uuid := range []string{"a", "b", "c"} {
			r.submit(body(uuid, "job", message.Parallel))
		}
		r.finish("a")
		r.submit(body("d", "job", message.Parallel))
		r.wantList("worker-0 d, worker-1 b, worker-2 c")
	})
}

func TestEntrySaysSinceWhen(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "job", message.Parallel))
		time.Sleep(time.Minute)
		r.submit(body("b", "job", message.Parallel))
		time.Sleep(time.Minute)
		entries, err := r.Tasks(r.Context(), Filter{})
		if err != nil || len(entries) != 2 {
			r.Fatalf("Tasks() = %v, %v, want two", entries, err)
		}
		if a, b := time.Since(entries[0].Since), time.Since(entries[1].Since); a != 2*time.Minute || b != time.Minute {
			r.Errorf("they are there for %v and %v, want 2m and 1m", a, b)
		}
		if entries[0].Worker != 0 || entries[1].Worker != -1 {
			r.Errorf("their workers are %d and %d, want 0 and -1", entries[0].Worker, entries[1].Worker)
		}
		s, err := r.Stats(r.Context())
		if err != nil || s.OldestQueued != time.Minute {
			r.Errorf("Stats().OldestQueued = %v, %v, want 1m", s.OldestQueued, err)
		}
	})
}

func TestBrokenFilterCancelsNothing(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "job", message.Parallel))
		if entries, err := r.Cancel(r.Context(), Filter{Args: []byte(`[1`)}); err == nil {
			r.Errorf("Cancel() with a broken filter = %v, nil, want an error", entries)
		}
		if entries, err := r.Tasks(r.Context(), Filter{Kwargs: []byte(`{"a"}`)}); err == nil {
			r.Errorf("Tasks() with a broken filter = %v, nil, want an error", entries)
		}
		if len(r.runner.cancelled) != 0 {
			r.Errorf("the runner was told to cancel %v", r.runner.cancelled)
		}
	})
}
