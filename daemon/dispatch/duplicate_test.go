package dispatch

import (
	"strings"
	"testing"
	"testing/synctest"

	"dispatcherd/daemon/message"
)

func TestModeDecidesByActiveAndBlockedEquals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		mode            message.OnDuplicate
		active, blocked bool
		want            verdict
		known           bool
	}{
		{message.Parallel, false, false, pass, true},
		{message.Parallel, false, true, pass, true},
		{message.Parallel, true, false, pass, true},
		{message.Parallel, true, true, pass, true},
		{message.Serial, false, false, pass, true},
		{message.Serial, false, true, pass, true},
		{message.Serial, true, false, block, true},
		{message.Serial, true, true, block, true},
		{message.Discard, false, false, pass, true},
		{message.Discard, false, true, discard, true},
		{message.Discard, true, false, discard, true},
		{message.Discard, true, true, discard, true},
		{message.QueueOne, false, false, pass, true},
		{message.QueueOne, false, true, discard, true},
		{message.QueueOne, true, false, block, true},
		{message.QueueOne, true, true, discard, true},
		{"later", true, true, pass, false},
		{"", true, true, pass, false},
	} {
		v, known := judge(tt.mode, tt.active, tt.blocked)
		if v != tt.want || known != tt.known {
			t.Errorf("judge(%q, %v, %v) = %d, %v, want %d, %v", tt.mode, tt.active, tt.blocked, v, known, tt.want, tt.known)
		}
	}
}

// TestTaskMeetsItsEquals submits "new" in each mode in each situation that can
// come about: an equal task runs, is queued, runs and another is blocked, is
// queued and another is blocked, is delayed, or differs.
func TestTaskMeetsItsEquals(t *testing.T) {
	other := body("other", "else", message.Parallel)
	running := []string{body("old", "job", message.Parallel)}
	queued := []string{other, body("old", "job", message.Parallel)}
	blocked := body("held", "job", message.Serial)
	delayed := []string{`{"uuid": "old", "task": "job", "args": [1], "delay": 5}`}
	for _, tt := range []struct {
		name   string
		before []string
		mode   message.OnDuplicate
		want   string // of the list afterwards
	}{
		{"parallel/none", nil, message.Parallel, "worker-0 new"},
		{"serial/none", nil, message.Serial, "worker-0 new"},
		{"discard/none", nil, message.Discard, "worker-0 new"},
		{"queue_one/none", nil, message.QueueOne, "worker-0 new"},
		{"unknown/none", nil, "later", "worker-0 new"},

		{"parallel/running", running, message.Parallel, "worker-0 old, queued-0 new"},
		{"serial/running", running, message.Serial, "worker-0 old, blocked-0 new"},
		{"discard/running", running, message.Discard, "worker-0 old"},
		{"queue_one/running", running, message.QueueOne, "worker-0 old, blocked-0 new"},
		{"unknown/running", running, "later", "worker-0 old, queued-0 new"},

		{"parallel/queued", queued, message.Parallel, "worker-0 other, queued-0 old, queued-1 new"},
		{"serial/queued", queued, message.Serial, "worker-0 other, blocked-0 new, queued-0 old"},
		{"discard/queued", queued, message.Discard, "worker-0 other, queued-0 old"},
		{"queue_one/queued", queued, message.QueueOne, "worker-0 other, blocked-0 new, queued-0 old"},

		{"parallel/running and blocked", append(running[:1:1], blocked), message.Parallel, "worker-0 old, blocked-0 held, queued-0 new"},
		{"serial/running and blocked", append(running[:1:1], blocked), message.Serial, "worker-0 old, blocked-0 held, blocked-1 new"},
		{"discard/running and blocked", append(running[:1:1], blocked), message.Discard, "worker-0 old, blocked-0 held"},
		{"queue_one/running and blocked", append(running[:1:1], blocked), message.QueueOne, "worker-0 old, blocked-0 held"},

		{"serial/queued and blocked", append(queued[:2:2], blocked), message.Serial, "worker-0 other, blocked-0 held, blocked-1 new, queued-0 old"},
		{"discard/queued and blocked", append(queued[:2:2], blocked), message.Discard, "worker-0 other, blocked-0 held, queued-0 old"},
		{"queue_one/queued and blocked", append(queued[:2:2], blocked), message.QueueOne, "worker-0 other, blocked-0 held, queued-0 old"},

		{"serial/delayed", delayed, message.Serial, "worker-0 new, delayed-0 old"},
		{"discard/delayed", delayed, message.Discard, "worker-0 new, delayed-0 old"},
		{"queue_one/delayed", delayed, message.QueueOne, "worker-0 new, delayed-0 old"},

		{"serial/different", []string{other}, message.Serial, "worker-0 other, queued-0 new"},
		{"discard/different", []string{other}, message.Discard, "worker-0 other, queued-0 new"},
		{"queue_one/different", []string{other}, message.QueueOne, "worker-0 other, queued-0 new"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, 1, func(r *rig) {
				for _, text := range tt.before {
					r.submit(text)
				}
				watch := r.submit(body("new", "job", tt.mode))
				r.wantList(tt.want)
				if !strings.Contains(tt.want, "new") {
					e := r.wantEnd(watch, Discarded)
					if e.UUID != "new" || e.Task != "job" || e.Worker != -1 {
						r.Errorf("the end of the discarded task is %+v", e)
					}
				} else {
					r.wantNoEnd(watch)
				}
			})
		})
	}
}

func TestSerialTaskWaitsForItsTwin(t *testing.T) {
	inBubble(t, 4, func(r *rig) {
		for _, uuid := range []string{"a", "b", "c"} {
			r.submit(body(uuid, "job", message.Serial))
		}
		r.wantList("worker-0 a, blocked-0 b, blocked-1 c")
		r.finish("a")
		r.wantList("worker-0 b, blocked-0 c")
		r.finish("b")
		r.finish("c")
		r.wantList("")
		r.wantStarted("a", "b", "c")
	})
}

func TestBlockedTaskWaitsForTheLastOfSeveralTwins(t *testing.T) {
	inBubble(t, 3, func(r *rig) {
		r.submit(body("a", "job", message.Parallel))
		r.submit(body("b", "job", message.Parallel))
		r.submit(body("c", "job", message.Serial))
		r.finish("a")
		r.wantList("worker-1 b, blocked-0 c")
		r.finish("b")
		r.wantList("worker-0 c")
	})
}

func TestReleasedTaskJoinsTheEndOfTheQueue(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "job", message.Serial))
		r.submit(body("b", "job", message.Serial))
		r.submit(body("x", "else", message.Parallel))
		r.submit(body("y", "else", message.Parallel))
		r.finish("a")
		r.wantList("worker-0 x, queued-0 y, queued-1 b")
	})
}

func TestDiscardedTasksAreCountedAndLoggedWithoutTheirArguments(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		for range 10 {
			r.submit(`{"task": "job", "uuid": "u", "kwargs": {"password": "hunter2"}, "on_duplicate": "discard"}`)
		}
		s, err := r.Stats(r.Context())
		if err != nil {
			r.Fatal(err)
		}
		if s.Ended[Discarded] != 9 || s.Accepted != 10 || s.Running != 1 {
			r.Errorf("Stats() = %+v, want 9 discarded of 10", s)
		}
		if lines := r.logs("task ended"); len(lines) != 9 || lines[0]["level"] != "DEBUG" || lines[0]["uuid"] != "u" {
			r.Errorf("%d lines about discarded tasks, first %v, want 9 at DEBUG", len(lines), lines)
		}
		if strings.Contains(r.logged.String(), "hunter2") {
			r.Error("the log holds a keyword argument")
		}
	})
}

func TestUnknownModeIsWarnedOfAndCountsAsParallel(t *testing.T) {
	inBubble(t, 2, func(r *rig) {
		r.submit(body("a", "job", "later"))
		r.submit(body("b", "job", "later"))
		r.wantStarted("a", "b")
		lines := r.logs("unknown on_duplicate counts as parallel")
		if len(lines) != 2 || lines[1]["uuid"] != "b" || lines[1]["on_duplicate"] != "later" {
			r.Errorf("warnings are %v, want one for each task", lines)
		}
	})
}

// TestReleaseTouchesOnlyTheTaskReleased has 100 000 blocked tasks that no
// release may look at: all but the next one have lost their message.
func TestReleaseTouchesOnlyTheTaskReleased(t *testing.T) {
	t.Parallel()
	const n = 100_000
	runner := newFakeRunner(1)
	d := New(runner, discardLog)
	d.alarm = newAlarm()
	m := parse(t, body("same", "job", message.Serial))
	for range n + 1 {
		if err := d.Submit(m, nil); err != nil {
			t.Fatal(err)
		}
	}
	d.turn(nil)
	if got := d.lists[Blocked].n; got != n {
		t.Fatalf("%d tasks are blocked, want %d", got, n)
	}
	for _, blocked := range d.lists[Blocked].all() {
		blocked.message = nil
	}
	tries := runner.tries
	for i := range n {
		d.lists[Blocked].first.task.message = m
		d.Finished(Ended{Seq: runner.leave("same"), Outcome: Succeeded})
		d.turn(nil)
		if d.lists[Blocked].n != n-i-1 || d.lists[Running].n != 1 {
			t.Fatalf("after end %d: %d blocked, %d running", i, d.lists[Blocked].n, d.lists[Running].n)
		}
	}
	if got := runner.tries - tries; got != n {
		t.Errorf("the runner was asked %d times for %d tasks", got, n)
	}
	d.Finished(Ended{Seq: runner.leave("same"), Outcome: Succeeded})
	d.turn(nil)
	if len(d.registry.active) != 0 || len(d.running) != 0 {
		t.Errorf("%d keys and %d running tasks are remembered after the last end", len(d.registry.active), len(d.running))
	}
}

func TestEqualsAreForgottenWithTheLastOfThem(t *testing.T) {
	inBubble(t, 1, func(r *rig) {
		r.submit(body("a", "job", message.Serial))
		r.submit(body("b", "job", message.Serial))
		r.submit(body("c", "job", message.Discard))
		r.submit(body("d", "else", message.QueueOne))
		if _, err := r.Cancel(r.Context(), Filter{UUID: []byte(`"d"`)}); err != nil {
			r.Fatal(err)
		}
		r.finish("a")
		r.finish("b")
		synctest.Wait()
		keys := -1
		if err := r.ask(r.Context(), func() { keys = len(r.registry.active) }); err != nil {
			r.Fatal(err)
		}
		if keys != 0 {
			r.Errorf("%d keys are kept without a task", keys)
		}
	})
}
