package dispatch

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dispatcherd/daemon/message"
)

// twoReports bounds the tasks named "report" to two at once.
var twoReports = bounds{"report": {"reports", 2}}

func TestBoundedTasksWaitBesideTheOthers(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		r.Use(twoReports)
		for i := range 4 {
			r.submit(body(fmt.Sprintf("r%d", i), "report", message.Parallel))
		}
		r.submit(body("other", "job", message.Parallel))
		synctest.Wait()
		r.wantStarted("r0", "r1", "other")
		r.wantList("worker-0 r0, worker-1 r1, worker-2 other, queued-0 r2, queued-1 r3")
		r.finish("other")
		r.wantStarted("r0", "r1", "other") // a worker is free, and none of those that wait may have it
		r.finish("r1")
		r.wantStarted("r0", "r1", "other", "r2")
	})
}

func TestBoundedTaskKeepsItsTurn(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.Use(bounds{"report": {"reports", 1}})
		r.submit(body("r0", "report", message.Parallel))
		r.submit(body("long", "job", message.Parallel))
		r.submit(body("r1", "report", message.Parallel))
		r.submit(body("later", "job", message.Parallel))
		r.finish("r0")
		r.wantStarted("r0", "long", "r1") // it came before later
	})
}

func TestOnlyTasksThatMayRunNeedWorkers(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.Use(twoReports)
		for i := range 20 {
			r.submit(body(fmt.Sprintf("r%d", i), "report", message.Parallel))
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		r.runner.mu.Lock()
		most := slices.Max(append([]int{0}, r.runner.waiting...))
		r.runner.mu.Unlock()
		if most != 0 {
			r.Errorf("up to %d tasks were said to wait for workers, want none: as many run as may", most)
		}
		if lines := r.logs("tasks wait for a free worker"); len(lines) > 0 {
			r.Errorf("warned that tasks wait for a worker: %v", lines)
		}
	})
}

func TestOtherBoundsCountForThoseThatWait(t *testing.T) {
	inBubble(t, 4, func(r *rig) {
		r.Use(bounds{"report": {"reports", 1}})
		for i := range 4 {
			r.submit(body(fmt.Sprintf("r%d", i), "report", message.Parallel))
		}
		synctest.Wait()
		r.wantStarted("r0")
		r.Use(bounds{"report": {"reports", 3}})
		synctest.Wait()
		r.wantStarted("r0", "r1", "r2")
		r.Use(bounds{})
		synctest.Wait()
		r.wantStarted("r0", "r1", "r2", "r3")
	})
}
