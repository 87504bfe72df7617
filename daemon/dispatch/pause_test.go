package dispatch

import (
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/daemon/message"
)

func TestPauseKeepsWhatArrivesUntilResume(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		a := r.submit(body("a", "job", message.Serial))
		r.submit(body("b", "job", message.Serial))
		if err := r.Pause(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.submit(body("c", "else", message.Parallel))
		r.submit(`{"uuid": "d", "task": "job", "delay": 60}`)
		r.finish("a")
		r.wantEnd(a, Succeeded)
		time.Sleep(time.Hour)
		synctest.Wait()
		r.wantList("queued-0 c, queued-1 b, queued-2 d")
		if s, err := r.Stats(r.Context()); err != nil || !s.Paused || s.Stopping {
			r.Errorf("Stats = %+v, %v, want that it is paused and does not stop", s, err)
		}
		if got := r.runner.waiting[len(r.runner.waiting)-1]; got != 0 {
			r.Errorf("the runner is to start workers for %d tasks, want 0", got)
		}
		if err := r.Resume(r.Context()); err != nil {
			r.Fatal(err)
		}
		synctest.Wait()
		r.wantList("worker-0 c, worker-1 b, queued-0 d")
		if got := r.runner.waiting[len(r.runner.waiting)-1]; got != 1 {
			r.Errorf("the runner is to start workers for %d tasks, want 1", got)
		}
	})
}

func TestResumeDoesNotUndoAStop(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		if err := r.StopTaking(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.submit(body("a", "job", message.Parallel))
		if err := r.Resume(r.Context()); err != nil {
			r.Fatal(err)
		}
		synctest.Wait()
		r.wantList("queued-0 a")
		r.stop()
	})
}
