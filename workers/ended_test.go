package workers_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/workers"
)

// listing is a configuration that lists ended workers for 30 s.
func listing(least, most int) workers.Config {
	cfg := pool(least, most)
	cfg.WorkerRemovalWait = 30 * time.Second
	return cfg
}

// gone lists the workers that have ended as "id state: exit".
func (b *bench) gone() []string {
	var gone []string
	for _, w := range b.pool.Workers() {
		if !w.Ended.IsZero() {
			gone = append(gone, fmt.Sprintf("%d %s: %s", w.ID, w.State, w.Exit))
		}
	}
	return gone
}

func (b *bench) wantGone(want ...string) {
	b.t.Helper()
	if diff := cmp.Diff(want, b.gone()); diff != "" {
		b.t.Errorf("ended workers (-want +got):\n%s", diff)
	}
}

func TestEndedWorkerIsListedForAWhile(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, listing(1, 1), habits{})
		b.pass(time.Minute)
		b.proc(0).exit("killed by SIGSEGV", false)
		b.settle()
		b.wantStates("0 error", "1 ready")
		b.wantGone("0 error: killed by SIGSEGV")
		b.pass(30*time.Second - 1)
		b.wantStates("0 error", "1 ready")
		b.pass(1)
		b.wantStates("1 ready")
	})
}

func TestIdleWorkerThatDiesCountsNoTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, listing(1, 1), habits{})
		b.told()
		b.pass(time.Minute)
		b.proc(0).exit("killed by SIGKILL", false)
		b.settle()
		b.wantGone("0 error: killed by SIGKILL")
		b.wantTold("worker 1 free")
		s := b.pool.Stats()
		if got, want := s.Counts, (workers.Counts{Started: 2}); got != want {
			t.Errorf("counts are %+v, want %+v", got, want)
		}
	})
}

func TestAnAlarmForgetsAnEndedWorkerInADrainAsWell(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := listing(2, 2)
		cfg.ShutdownGrace = time.Hour
		b := newBench(t, cfg, habits{})
		p := b.start(1, 0)
		b.cancel()
		b.settle()
		b.wantStates("0 busy", "1 retired")
		b.pass(30 * time.Second)
		b.wantStates("0 busy")
		p.done(1, workers.Succeeded)
	})
}

func TestEndOfAWorkerIsRetiredOrError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		end  func(b *bench, p *fakeProcess)
		want string
	}{
		{"it was asked to leave", func(b *bench, p *fakeProcess) { b.pass(time.Hour) }, "retired: exit code 0"},
		{"a task had it leave", func(b *bench, p *fakeProcess) {
			b.start(1, 0).say(workers.Report{Kind: workers.Done, Seq: 1, Outcome: workers.Succeeded, Stopping: true})
			p.say(workers.Report{Kind: workers.Leaving, Reason: "the task raised DispatcherExit"})
			p.exit("exit code 0", true)
		}, "retired: the task raised DispatcherExit; exit code 0"},
		{"it leaves by itself", func(b *bench, p *fakeProcess) {
			p.say(workers.Report{Kind: workers.Leaving, Reason: "signal SIGTERM"})
			p.exit("exit code 0", true)
		}, "retired: signal SIGTERM; exit code 0"},
		{"it leaves with an error", func(b *bench, p *fakeProcess) {
			p.say(workers.Report{Kind: workers.Leaving, Reason: "on_idle: ValueError: boom"})
			p.exit("exit code 1", false)
		}, "error: on_idle: ValueError: boom; exit code 1"},
		{"it ends in order unasked", func(b *bench, p *fakeProcess) { p.exit("exit code 0", true) }, "error: exit code 0"},
		{"it dies under its task", func(b *bench, p *fakeProcess) { b.start(1, 0).exit("killed by SIGKILL", false) }, "error: killed by SIGKILL"},
		{"it leaves in order under its task", func(b *bench, p *fakeProcess) { b.start(1, 0).exit("exit code 0", true) }, "error: exit code 0"},
		{"it had to be killed", func(b *bench, p *fakeProcess) {
			p.behave(habits{deaf: true})
			b.pass(time.Hour + workers.LeaveBound)
		}, "error: killed by SIGKILL"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				cfg := listing(1, 1)
				cfg.WorkerMaxLifetime = time.Hour
				cfg.WorkerRemovalWait = 2 * time.Hour
				b := newBench(t, cfg, habits{})
				tt.end(b, b.proc(0))
				b.settle()
				b.wantGone("0 " + tt.want)
			})
		})
	}
}

func TestWorkerThatSaysItLeavesHasLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, listing(1, 1), habits{})
		b.pass(time.Minute)
		b.proc(0).leave()
		b.settle()
		if w := b.pool.Workers()[0]; w.State != workers.Stopping || !w.Left {
			t.Errorf("the worker is %+v, want stopping and left", w)
		}
	})
}

func TestStartThatFailsIsAnError(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, listing(1, 1), habits{refuse: errors.New("no such file")})
		b.wantGone("0 error: no such file")
		b.launcher.behave(habits{})
		b.pass(workers.FirstRetry)
		b.wantStates("0 error", "1 ready")
	})
}

func TestLaunchThatADrainGivesUpWasNoWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		cfg := listing(2, 2)
		cfg.ShutdownGrace = time.Hour
		b := newBench(t, cfg, habits{})
		p := b.start(1, 0)
		b.launcher.behave(habits{delay: time.Minute})
		b.pass(time.Minute)
		b.proc(1).exit("killed by SIGSEGV", false)
		b.settle()
		b.cancel()
		b.pass(time.Second)
		b.wantGone("1 error: killed by SIGSEGV")
		p.done(1, workers.Succeeded)
	})
}

func TestEndedWorkersTakeNoRoom(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, listing(1, 2), habits{})
		for seq := uint64(1); seq <= 5; seq++ {
			b.start(seq, 0).exit("exit code 1", false)
			b.settle()
		}
		if n := len(b.gone()); n != 5 {
			t.Errorf("%d ended workers are listed, want 5", n)
		}
		b.demand(2)
		if s := b.pool.Stats(); s.Ready != 2 || s.Usable() != 2 || s.Busy != 0 {
			t.Errorf("%d workers are ready, %d usable, %d busy, want 2, 2 and 0", s.Ready, s.Usable(), s.Busy)
		}
	})
}

func TestListOfEndedWorkersIsBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, listing(1, 1), habits{})
		for seq := uint64(1); seq <= workers.MaxEnded+20; seq++ {
			b.start(seq, 0).exit("exit code 1", false)
			b.settle()
		}
		gone := b.gone()
		if n := len(gone); n != workers.MaxEnded || gone[0] != "20 error: exit code 1" {
			t.Errorf("%d ended workers are listed, the first is %q; want %d from number 20 on", n, gone[0], workers.MaxEnded)
		}
	})
}
