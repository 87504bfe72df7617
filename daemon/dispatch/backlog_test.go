package dispatch

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/daemon/message"
)

func TestLateQueueIsWarnedOfOnceAndAtPowersOfTen(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		warnings := func() int { return len(r.logs("tasks wait for a free worker")) }
		want := func(n int, when string) {
			r.Helper()
			synctest.Wait()
			if got := warnings(); got != n {
				r.Errorf("%s: %d warnings, want %d", when, got, n)
			}
		}
		for i := range 3 {
			r.submit(body(fmt.Sprint(i), "job", message.Parallel))
		}
		time.Sleep(lateAfter - time.Nanosecond)
		want(0, "while the queue is young")
		time.Sleep(time.Nanosecond)
		want(1, "when it becomes late")
		time.Sleep(time.Hour)
		for i := 3; i < 10; i++ {
			r.submit(body(fmt.Sprint(i), "job", message.Parallel))
		}
		want(1, "with 9 tasks")
		for i := 10; i < 105; i++ {
			r.submit(body(fmt.Sprint(i), "job", message.Parallel))
		}
		want(3, "after 10 and 100 tasks")
		lines := r.logs("tasks wait for a free worker")
		if lines[0]["queued"] != 2.0 || lines[1]["queued"] != 10.0 || lines[2]["queued"] != 100.0 || lines[2]["running"] != 1.0 || lines[1]["oldest_seconds"] != 3601.0 {
			r.Errorf("warnings are %v", lines)
		}
	})
}

func TestFlappingQueueIsWarnedOfOnceAMinute(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		begin := time.Now()
		for i := 0; time.Since(begin) < 5*time.Minute; i++ {
			old, late := fmt.Sprintf("old-%d", i), fmt.Sprintf("late-%d", i)
			r.submit(body(old, "job", message.Parallel))
			r.submit(body(late, "job", message.Parallel))
			time.Sleep(2 * time.Second)
			r.finish(old)
			r.finish(late)
		}
		if n := len(r.logs("tasks wait for a free worker")); n < 4 || n > 6 {
			r.Errorf("%d warnings in 5 minutes, want about one a minute", n)
		}
	})
}

func TestShortWaitIsNotWorthAWarning(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for i := range 50 {
			r.submit(body(fmt.Sprint(i), "job", message.Parallel))
		}
		for i := range 50 {
			r.finish(fmt.Sprint(i))
		}
		time.Sleep(time.Hour)
		if n := len(r.logs("tasks wait for a free worker")); n != 0 {
			r.Errorf("%d warnings although no task waited for long, want none", n)
		}
	})
}
