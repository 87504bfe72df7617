package dispatch

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
)

// inBubbleAhead runs f with a dispatcher of one worker that may be handed so many tasks ahead, and
// runs a.
func inBubbleAhead(t *testing.T, room int, f func(r *rig)) {
	t.Helper()
	inBubble(t, 1, func(r *rig) {
		r.runner.room = room
		r.submit(body("a", "t.a", "parallel"))
		f(r)
	})
}

// goOn ends a task whose worker begins the next one by itself.
func (r *rig) goOn(uuid string) {
	seq, next := r.runner.goOn(uuid)
	r.Finished(Ended{Seq: seq, Outcome: Succeeded, Next: next})
	synctest.Wait()
}

func (r *rig) wantAhead(want int) {
	r.Helper()
	r.runner.mu.Lock()
	defer r.runner.mu.Unlock()
	if got := len(r.runner.ahead); got != want {
		r.Errorf("%d tasks are handed ahead, want %d", got, want)
	}
}

func TestTaskThatWasHandedAheadIsQueuedUntilItBegins(t *testing.T) {
	inBubbleAhead(t, 2, func(r *rig) {
		for _, uuid := range []string{"b", "c", "d"} {
			r.submit(body(uuid, "t."+uuid, "parallel"))
		}
		r.wantAhead(2)
		r.wantList("worker-0 a, queued-0 b, queued-1 c, queued-2 d")
		r.goOn("a")
		r.wantAhead(2) // d took the place of b
		r.wantList("worker-0 b, queued-0 c, queued-1 d")
		r.goOn("b")
		r.goOn("c")
		r.finish("d")
		r.wantList("")
		if s, err := r.Stats(r.Context()); err != nil || s.Ended[Succeeded] != 4 || s.Queued != 0 {
			r.Errorf("Stats() = %+v, %v, want 4 tasks that succeeded", s, err)
		}
	})
}

func TestReturnedTasksComeBackInTheirOrder(t *testing.T) {
	inBubbleAhead(t, 3, func(r *rig) {
		for _, uuid := range []string{"b", "c", "d", "e"} {
			r.submit(body(uuid, "t."+uuid, "parallel"))
		}
		r.wantAhead(3)
		r.runner.mu.Lock()
		back := r.runner.ahead
		r.runner.ahead, r.runner.room = nil, 0
		r.runner.mu.Unlock()
		r.Returned(back[2], back[0], back[1])
		synctest.Wait()
		r.wantList("worker-0 a, queued-0 b, queued-1 c, queued-2 d, queued-3 e")
		for _, uuid := range []string{"a", "b", "c", "d", "e"} {
			r.finish(uuid)
		}
		r.wantStarted("a", "b", "c", "d", "e")
		if got := r.runner.requeued; got != 3 {
			r.Errorf("the runner was told of %d that are queued again, want 3", got)
		}
	})
}

func TestCancelOfATaskThatWasHandedAhead(t *testing.T) {
	for _, tt := range []struct {
		name string
		// then is what the runner says when the cancel was asked for and the task could not be taken back
		then func(r *rig, b uint64)
	}{
		{"that can be taken back", nil},
		{"that is on its way back", func(r *rig, b uint64) {
			r.Returned(b)
			synctest.Wait()
			r.wantList("worker-0 a, queued-0 c")
		}},
		{"that has begun", func(r *rig, b uint64) {
			r.runner.mu.Lock()
			r.runner.running[b] = 0
			a := r.runner.seqs["a"]
			delete(r.runner.running, a)
			r.runner.mu.Unlock()
			r.Finished(Ended{Seq: a, Outcome: Succeeded, Next: b})
			synctest.Wait()
			r.wantList("worker-0 b, blocked-0 c")
			r.runner.mu.Lock()
			if got := r.runner.cancelled; len(got) != 1 || got[0] != b {
				r.Errorf("cancelled are %v, want the task", got)
			}
			r.runner.mu.Unlock()
			r.Finished(Ended{Seq: b, Outcome: Cancelled})
			synctest.Wait()
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubbleAhead(t, 1, func(r *rig) {
				watch := r.submit(body("b", "t.b", "serial"))
				behind := r.submit(body("c", "t.b", "serial"))
				r.wantAhead(1)
				r.runner.mu.Lock()
				b := r.runner.seqs["b"]
				if tt.then != nil {
					r.runner.ahead, r.runner.room = nil, 0
				}
				r.runner.mu.Unlock()
				entries, err := r.Cancel(r.Context(), Filter{UUID: []byte(`"b"`)})
				if err != nil || show(entries) != "queued-0 b" {
					r.Errorf("Cancel() = %s, %v, want queued-0 b", show(entries), err)
				}
				if tt.then != nil {
					r.wantNoEnd(watch)
					tt.then(r, b)
				}
				r.wantEnd(watch, Cancelled)
				r.wantNoEnd(behind)
				if tt.then == nil {
					r.wantList("worker-0 a, queued-0 c")
				}
			})
		})
	}
}

func TestNothingIsLeftAheadWhenTasksAreHeld(t *testing.T) {
	inBubbleAhead(t, 2, func(r *rig) {
		r.submit(body("b", "t.b", "parallel"))
		r.submit(body("c", "t.c", "parallel"))
		r.wantAhead(2)
		if err := r.Pause(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.wantAhead(0)
		r.wantList("worker-0 a, queued-0 b, queued-1 c")
		r.finish("a")
		r.wantStarted("a")
		if err := r.Resume(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.wantStarted("a", "b")
		r.wantAhead(1)
	})
}

func TestTaskThatWaitsForItsLikeIsNotHandedAhead(t *testing.T) {
	inBubbleAhead(t, 5, func(r *rig) {
		r.Use(bounds{"t.narrow": {"narrow", 1}})
		r.submit(body("n1", "t.narrow", "parallel"))
		r.wantAhead(0)
		r.submit(body("b", "t.b", "parallel")) // nor is what came later
		r.wantAhead(0)
		r.finish("a")
		r.wantStarted("a", "n1")
		r.wantAhead(1)
		r.submit(body("n2", "t.narrow", "parallel"))
		r.submit(body("c", "t.c", "parallel")) // n2 could not run anyhow
		r.wantAhead(2)
	})
}

func TestWhatCouldNotBeTakenBackIsTheNextDaemons(t *testing.T) {
	inBubbleAhead(t, 1, func(r *rig) {
		watch := r.submit(body("b", "t.b", "parallel"))
		r.runner.mu.Lock()
		r.runner.ahead, r.runner.room = nil, 0 // its worker has taken it
		r.runner.mu.Unlock()
		if err := r.Leave(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.stop()
		r.wantNoEnd(watch)
		if got := r.logs("running tasks go on without this daemon"); len(got) != 1 || got[0]["count"] != 2.0 {
			r.Errorf("logged %v, want two tasks that go on", got)
		}
	})
}

func TestNewsBeforeTheBeginIsAttendedTo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logged := &lockedBuffer{}
		d := New(newFakeRunner(0), slog.New(slog.NewJSONHandler(logged, nil)))
		d.Finished(Ended{Seq: 7, Outcome: Succeeded}) // of a task that nobody knows, which is told
		start(t, d)
		synctest.Wait()
		if !strings.Contains(logged.String(), "a task ended that is not running") {
			t.Errorf("nothing was made of it:\n%s", logged)
		}
	})
}
