package workers_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/workers"
)

const (
	loopBegins = "workers fail again and again, which is a crash loop"
	loopEnds   = "the crash loop is over"
)

// wantLoop compares whether the pool is in a crash loop, and how often the log has told
// that one began and ended.
func (b *bench) wantLoop(now bool, begun, over int) {
	b.t.Helper()
	if got := b.pool.Stats().CrashLoop; got != now {
		b.t.Errorf("the pool is in a crash loop: %v, want %v", got, now)
	}
	log := b.log.String()
	if strings.Count(log, loopBegins) != begun || strings.Count(log, loopEnds) != over {
		b.t.Errorf("want %d crash loops to be told, and %d ends; the log:\n%s", begun, over, log)
	}
}

// failAfterATask has the newest worker end by itself behind its first task, as one does
// whose class has a post_task that raises.
func (b *bench) failAfterATask(seq uint64) {
	b.t.Helper()
	p := b.start(seq, 0)
	p.say(workers.Report{Kind: workers.Done, Seq: seq, Outcome: workers.Succeeded, Stopping: true})
	p.say(workers.Report{Kind: workers.Leaving, Reason: "post_task: ValueError: boom"})
	p.exit("exit code 1", false)
	b.settle()
}

func TestCrashLoopIsToldOnceAndSoIsItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{refuse: errors.New("no such file")})
		b.pass(100 * ms)
		b.wantLoop(false, 0, 0)
		b.pass(200 * ms)
		b.wantLoop(true, 1, 0)
		if log := b.log.String(); !strings.Contains(log, `failures=3 err="no such file"`) {
			t.Errorf("the reason is not told:\n%s", log)
		}
		b.pass(10 * time.Minute)
		b.wantLoop(true, 1, 0)
		b.launcher.behave(habits{})
		b.pass(workers.LastRetry)
		if got := b.pool.Stats().Ready; got != 1 {
			t.Errorf("%d workers are ready, want 1", got)
		}
		b.wantLoop(true, 1, 0) // it has yet to prove that it lives
		b.pass(workers.Settled)
		b.wantLoop(false, 1, 1)
		if got := b.pool.Stats(); got.Failures != 0 || got.LastError != "" {
			t.Errorf("failures %d, last error %q, want none", got.Failures, got.LastError)
		}
	})
}

func TestSecondTaskOfAWorkerEndsACrashLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{refuse: errors.New("no such file")})
		b.pass(time.Second)
		b.launcher.behave(habits{})
		b.pass(time.Second)
		b.start(1, 0).done(1, workers.Succeeded)
		b.settle()
		b.wantLoop(true, 1, 0)
		b.start(2, 0).done(2, workers.Failed)
		b.settle()
		b.wantLoop(false, 1, 1)
	})
}

func TestWorkersThatFailBehindTheirTaskAreReplacedLaterEachTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		var waits []time.Duration
		for seq := uint64(1); seq <= 8; seq++ {
			b.failAfterATask(seq)
			ended, before := time.Now(), len(b.launcher.starts())
			if n := len(b.pool.Workers()); n == 1 { // it was replaced at once
				waits = append(waits, 0)
				continue
			}
			b.pass(10 * time.Second)
			waits = append(waits, b.launcher.starts()[before].Sub(ended))
		}
		want := []time.Duration{0, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms}
		if diff := cmp.Diff(want, waits); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
		b.wantLoop(true, 1, 0)
		if got := b.pool.Stats().Failures; got != 7 {
			t.Errorf("%d failures count, want 7", got)
		}
		if got, want := b.pool.Stats().LastError, "post_task: ValueError: boom; exit code 1"; got != want {
			t.Errorf("last error %q, want %q", got, want)
		}
	})
}

func TestLargePoolWhoseWorkersFailBehindTheirTasksIsHeldBackToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(4, 8), habits{})
		seq := uint64(0)
		for range 600 { // one minute under a load that leaves no worker idle
			for b.pool.Stats().Ready > 0 {
				seq++
				b.failAfterATask(seq)
			}
			b.pass(100 * ms)
		}
		b.wantLoop(true, 1, 0)
		if n := len(b.launcher.starts()); n > 80 {
			t.Errorf("%d workers were started in a minute", n)
		}
	})
}

func TestOneCrashOfEachWorkerOfAGenerationIsNoLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(4, 4), habits{})
		for seq := uint64(1); seq <= 4; seq++ {
			b.start(seq, 0).done(seq, workers.Succeeded)
			b.settle()
		}
		for id := range 4 {
			b.proc(id).exit("the supervisor ended", false)
		}
		b.settle()
		b.wantStates("4 ready", "5 ready", "6 ready", "7 ready")
		if got := b.pool.Stats().Failures; got != 0 {
			t.Errorf("%d failures count, want none", got)
		}
	})
}

func TestTasksThatKillTheirWorkersHoldNobodyBack(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		for seq := uint64(1); seq <= 50; seq++ {
			b.start(seq, 0).exit("exit code 1", false)
			b.settle()
			if got := b.pool.Stats().Ready; got != 1 {
				t.Fatalf("%d workers are ready right after task %d, want 1", got, seq)
			}
		}
		b.wantLoop(false, 0, 0)
		if got := b.pool.Stats(); got.Died != 50 || got.FailedStarts != 0 {
			t.Errorf("%d tasks died and %d starts failed, want 50 and none", got.Died, got.FailedStarts)
		}
	})
}

func TestWorkersThatAreAskedToLeaveDoNotCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := pool(1, 1)
		cfg.WorkerMaxLifetime = time.Minute
		b := newBench(t, cfg, habits{deaf: true})
		for id := range 10 {
			b.pass(time.Minute) // it is told to leave
			b.proc(id).say(workers.Report{Kind: workers.Leaving, Reason: "on_shutdown: ValueError: boom"})
			b.proc(id).exit("exit code 1", false)
			b.settle()
		}
		b.wantStates("10 ready")
		b.wantLoop(false, 0, 0)
	})
}

func TestHealthyWorkersDoNotHideThatNewOnesCannotBeStarted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 2), habits{})
		b.launcher.behave(habits{refuse: errors.New("no such file")})
		b.demand(2)
		for seq := uint64(1); seq <= 100; seq++ { // the old worker works on
			b.start(seq, 0).done(seq, workers.Succeeded)
			b.settle()
			b.pool.Waiting(2)
			b.pass(time.Second)
		}
		b.wantLoop(true, 1, 0)
		if n := len(b.launcher.starts()); n > 12 {
			t.Errorf("%d starts were tried in 100 s", n)
		}
	})
}

func TestWorkersThatEndIdleAfterAWhileAreNoCrashLoop(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		for id := range 5 {
			b.pass(workers.Settled + time.Second)
			b.proc(id).exit("killed by SIGSEGV", false)
			b.settle()
		}
		b.wantStates("5 ready")
		b.wantLoop(false, 0, 0)
	})
}

func TestDrainTellsNoCrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.failAfterATask(1)
		p := b.start(2, 0)
		b.cancel()
		b.settle()
		p.say(workers.Report{Kind: workers.Done, Seq: 2, Outcome: workers.Succeeded, Stopping: true})
		p.exit("exit code 1", false)
		b.settle()
		if strings.Contains(b.log.String(), "next_try_in") {
			t.Errorf("a next try is told:\n%s", b.log)
		}
	})
}
