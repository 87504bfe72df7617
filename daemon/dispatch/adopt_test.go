package dispatch

import (
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/daemon/message"
)

// adopt has the dispatcher take a task that worker 9 runs.
func (r *rig) adopt(text string) uint64 {
	r.Helper()
	seq, err := r.Adopt(r.Context(), parse(r, text), 9, time.Now().Add(-time.Minute))
	if err != nil {
		r.Fatal(err)
	}
	return seq
}

func TestAdoptedTaskIsListedAndItsEndIsLogged(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("own", "other", message.Parallel))
		seq := r.adopt(body("old", "job", message.Parallel))
		r.wantList("worker-0 own, worker-9 old")
		r.Finished(Ended{Seq: seq, Outcome: Succeeded})
		synctest.Wait()
		r.wantList("worker-0 own")
		lines := r.logs("task ended")
		if len(lines) != 1 || lines[0]["uuid"] != "old" || lines[0]["level"] != "INFO" {
			r.Errorf("logged %v, want one line about the end of the adopted task", lines)
		}
	})
}

func TestAdoptedTaskHasDuplicates(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		seq := r.adopt(body("old", "job", message.Serial))
		discarded := r.submit(body("same", "job", message.Discard))
		r.wantEnd(discarded, Discarded)
		r.submit(body("next", "job", message.Serial))
		r.wantList("worker-9 old, blocked-0 next")
		r.Finished(Ended{Seq: seq, Outcome: Succeeded})
		synctest.Wait()
		r.wantStarted("next")
	})
}

func TestAdoptedTaskCanBeCancelled(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		seq := r.adopt(body("old", "job", message.Parallel))
		if _, err := r.Cancel(r.Context(), Filter{UUID: []byte(`"old"`)}); err != nil {
			r.Fatal(err)
		}
		if got := r.runner.cancelled; len(got) != 1 || got[0] != seq {
			r.Errorf("cancelled %v, want %d", got, seq)
		}
	})
}

func TestRunningTasksOfADispatcherThatLeavesAreNotAbandoned(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		running := r.submit(body("on", "job", message.Parallel))
		queued := r.submit(body("off", "job", message.Parallel))
		if err := r.Leave(r.Context()); err != nil {
			r.Fatal(err)
		}
		r.stop()
		r.wantNoEnd(running)
		r.wantEnd(queued, Abandoned)
		left, abandoned := r.logs("running tasks go on without this daemon"), r.logs("tasks are abandoned")
		if len(left) != 1 || left[0]["count"] != 1.0 || len(abandoned) != 1 || abandoned[0]["count"] != 1.0 {
			r.Errorf("logged %v and %v, want a line about one task each", left, abandoned)
		}
	})
}
