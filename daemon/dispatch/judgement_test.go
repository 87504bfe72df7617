package dispatch

import (
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/daemon/message"
)

// The Python original judges a queued task again when a worker is free for it, and
// then against whatever has come behind it.
func TestTaskThatIsQueuedIsNotJudgedAgainstItsSuccessors(t *testing.T) {
	for _, mode := range []message.OnDuplicate{message.Serial, message.Discard, message.QueueOne} {
		t.Run(string(mode), func(t *testing.T) {
			inBubble(t, 1, func(r *rig) {
				r.submit(body("before", "else", message.Parallel))
				first := r.submit(body("first", "job", mode))
				r.submit(body("behind", "job", message.Parallel))
				r.wantList("worker-0 before, queued-0 first, queued-1 behind")
				r.finish("before")
				r.wantList("worker-0 first, queued-0 behind")
				r.finish("first")
				r.wantEnd(first, Succeeded)
				r.wantStarted("before", "first", "behind")
			})
		})
	}
}

// A pass over the blocked tasks frees one of each kind, in the order in which they were blocked.
func TestOneBlockedTaskOfEachKindIsFreedInTheirOrder(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.submit(body("x", "job", message.Serial))
		r.submit(body("y", "else", message.Serial))
		for _, uuid := range []string{"y1", "x1", "x2", "y2"} {
			r.submit(body(uuid, map[byte]string{'x': "job", 'y': "else"}[uuid[0]], message.Serial))
		}
		r.wantList("worker-0 x, worker-1 y, blocked-0 y1, blocked-1 x1, blocked-2 x2, blocked-3 y2")
		r.finish("x")
		r.finish("y")
		r.wantList("worker-0 x1, worker-1 y1, blocked-0 x2, blocked-1 y2")
	})
}

func TestDelaysThatEndTogetherFireInTheirOrderAndAtOnce(t *testing.T) {
	inBubble(t, 0, func(r *rig) {
		for _, uuid := range []string{"a", "b", "c"} {
			r.submit(`{"uuid": "` + uuid + `", "task": "job", "delay": 0.001}`)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		r.wantList("queued-0 a, queued-1 b, queued-2 c")
	})
}

func TestDeathOfATaskLetsItsTwinGo(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		first := r.submit(body("first", "job", message.Serial))
		r.submit(body("twin", "job", message.Serial))
		r.Finished(Ended{Seq: r.runner.lose("first"), Outcome: Killed})
		synctest.Wait()
		r.wantEnd(first, Killed)
		r.wantList("worker-1 twin")
	})
}
