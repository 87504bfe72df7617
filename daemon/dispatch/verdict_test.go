package dispatch

import (
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/daemon/message"
	"dispatcherd/workers"
)

// line runs a task to an end and returns the line about that.
func (r *rig) line(e Ended) map[string]any {
	r.Helper()
	r.submit(body("u", "job", message.Parallel))
	e.Seq = r.runner.leave("u")
	r.Finished(e)
	synctest.Wait()
	lines := r.logs("task ended")
	if len(lines) == 0 {
		r.Fatal("the end is not logged")
	}
	line := lines[len(lines)-1]
	for _, key := range []string{"time", "msg", "worker", "uuid", "task", "run_seconds", "queue_seconds", "err"} {
		delete(line, key)
	}
	return line
}

func TestLineAboutAnEndHasTheVerdict(t *testing.T) {
	for name, tt := range map[string]struct {
		end  Ended
		want map[string]any
	}{
		"what was not measured is not there": {
			Ended{Outcome: Failed},
			map[string]any{"level": "WARN", "outcome": "failed"},
		},
		"all there is": {
			Ended{Outcome: TimedOut, Death: &workers.Death{Signal: syscall.SIGKILL, By: "the daemon"}, Usage: workers.Usage{
				CPU: 1500 * time.Millisecond, MemoryPeak: 60, MemorySource: workers.PeakCounted, MemoryMax: 64, PIDsPeak: 3,
				Read: 7, Written: 8, Throttled: time.Second, Leftovers: 2, LeftAlone: true,
			}},
			map[string]any{
				"level": "WARN", "outcome": "timed_out", "cpu_seconds": 1.5, "memory_peak_bytes": 60.0, "memory_source": "counted",
				"memory_max_bytes": 64.0, "pids_peak": 3.0, "read_bytes": 7.0, "written_bytes": 8.0, "throttled_seconds": 1.0,
				"leftovers": 2.0, "left_alone": true, "killed_by": "the daemon",
			},
		},
		"out of memory": {
			Ended{Outcome: OOMKilled, Death: &workers.Death{Signal: syscall.SIGKILL, OOM: true}, Usage: workers.Usage{OOMKills: 1}},
			map[string]any{"level": "WARN", "outcome": "oom_killed", "oom_kills": 1.0, "event": "task-oom"},
		},
		"a child that ran out of memory is warned of, although the task does not mind": {
			Ended{Outcome: Succeeded, Usage: workers.Usage{OOMKills: 2}},
			map[string]any{"level": "WARN", "outcome": "succeeded", "oom_kills": 2.0, "event": "task-oom"},
		},
		"what was left behind is told": {
			Ended{Outcome: Succeeded, Usage: workers.Usage{Leftovers: 1}},
			map[string]any{"level": "INFO", "outcome": "succeeded", "leftovers": 1.0},
		},
		"what was left behind and lives on is warned of": {
			Ended{Outcome: Succeeded, Usage: workers.Usage{Leftovers: 1, LeftAlone: true}},
			map[string]any{"level": "WARN", "outcome": "succeeded", "leftovers": 1.0, "left_alone": true},
		},
		"a death": {
			Ended{Outcome: Crashed, Death: &workers.Death{Signal: syscall.SIGSEGV}},
			map[string]any{"level": "WARN", "outcome": "crashed", "event": "task-died"},
		},
		"a kill that was asked for is no such event": {
			Ended{Outcome: Cancelled, Death: &workers.Death{Signal: syscall.SIGKILL}},
			map[string]any{"level": "WARN", "outcome": "cancelled"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 1, func(r *rig) {
				if diff := cmp.Diff(tt.want, r.line(tt.end)); diff != "" {
					r.Errorf("the line (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestQueueTimeIsAllThatATaskWaitedForAWorker(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		first := r.submit(body("a", "job", message.Serial))
		blocked := r.submit(body("b", "job", message.Serial))
		queued := r.submit(body("c", "else", message.Parallel))
		cancelled := r.submit(body("d", "else", message.Parallel))
		time.Sleep(2 * time.Second)
		if _, err := r.Cancel(r.Context(), Filter{UUID: []byte(`"d"`)}); err != nil {
			r.Fatal(err)
		}
		r.Returned(r.runner.leave("a")) // its worker never began it
		r.runner.hire(0)
		r.Freed()
		time.Sleep(3 * time.Second)
		r.finish("a")
		r.finish("c")
		r.finish("b")
		for name, tt := range map[string]struct {
			watch <-chan Ended
			want  time.Duration
		}{
			"taken at once": {first, 0}, "blocked, then taken at once": {blocked, 0},
			"queued": {queued, 2 * time.Second}, "cancelled in the queue": {cancelled, 2 * time.Second},
		} {
			if e := <-tt.watch; e.QueueTime != tt.want || e.At.IsZero() {
				r.Errorf("%s: it waited %v, at %v, want %v", name, e.QueueTime, e.At, tt.want)
			}
		}
	})
}
