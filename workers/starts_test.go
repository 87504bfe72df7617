package workers_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/workers"
)

// gaps is how long after the one before it each start was tried.
func gaps(starts []time.Time) []time.Duration {
	var gaps []time.Duration
	for i := range starts[1:] {
		gaps = append(gaps, starts[i+1].Sub(starts[i]))
	}
	return gaps
}

const ms = time.Millisecond

func TestFailedLaunchIsTriedAgainLaterEachTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{refuse: errors.New("no such file")})
		b.pass(2 * time.Minute)
		want := []time.Duration{
			100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 12800 * ms, 25600 * ms,
			workers.LastRetry, workers.LastRetry,
		}
		if diff := cmp.Diff(want, gaps(b.launcher.starts())); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
	})
}

func TestStartsThatFailTogetherWaitAsOne(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(16, 16), habits{refuse: errors.New("the supervisor is away")})
		b.launcher.behave(habits{})
		b.pass(workers.FirstRetry)
		if got := b.pool.Stats(); got.Ready != 16 || got.FailedStarts != 16 {
			t.Errorf("ready %d, failed starts %d, want 16 and 16", got.Ready, got.FailedStarts)
		}
		if n := strings.Count(b.log.String(), "level=ERROR"); n != 1 {
			t.Errorf("%d errors were logged, want 1:\n%s", n, b.log)
		}
	})
}

func TestHelloEndsTheFailures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{refuse: errors.New("no such file")})
		if got := b.pool.Stats(); got.Failures != 1 || got.LastError != "no such file" {
			t.Errorf("failures %d, last error %q, want 1 and no such file", got.Failures, got.LastError)
		}
		b.launcher.behave(habits{})
		b.pass(workers.FirstRetry)
		if got := b.pool.Stats(); got.Failures != 0 || got.LastError != "" {
			t.Errorf("failures %d, last error %q, want none", got.Failures, got.LastError)
		}
	})
}

func TestEndOfAWorkerThatWasOfNoUseIsAFailedStart(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		silent bool
		end    func(p *fakeProcess)
		err    string
	}{
		{"before its hello", true, func(p *fakeProcess) { p.exit("exit code 1", false) }, "it ended before it was ready: exit code 1"},
		{"in order before its hello", true, func(p *fakeProcess) { p.exit("exit code 0", true) }, "it ended before it was ready: exit code 0"},
		{"leaving before its hello", true, func(p *fakeProcess) { p.leave(); p.exit("exit code 0", true) }, "it left while it was starting and had run no task"},
		{"leaving while idle", false, func(p *fakeProcess) { p.leave(); p.exit("exit code 0", true) }, "it left while it was ready and had run no task"},
		{"leaving with a reason", true, func(p *fakeProcess) {
			p.say(workers.Report{Kind: workers.Leaving, Reason: "on_start: boom"})
			p.exit("exit code 1", false)
		}, "on_start: boom"},
		{"idle", false, func(p *fakeProcess) { p.exit("killed by SIGSEGV", false) }, "killed by SIGSEGV"},
		{"idle, by what it says", false, func(p *fakeProcess) { p.hello() }, "it broke the protocol"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				b := newBench(t, pool(1, 1), habits{silent: tt.silent})
				// The waits get longer, although some of them said hello.
				for _, wait := range []time.Duration{100 * ms, 200 * ms, 400 * ms} {
					tt.end(b.proc(len(b.launcher.starts()) - 1))
					b.settle()
					ended := time.Now()
					if got := b.pool.Stats().LastError; got != tt.err {
						t.Errorf("last error %q, want %q", got, tt.err)
					}
					b.wantStates()
					b.pass(time.Second)
					starts := b.launcher.starts()
					if got := starts[len(starts)-1].Sub(ended); got != wait {
						t.Errorf("the next start was tried after %v, want %v", got, wait)
					}
				}
				if got := b.pool.Stats().FailedStarts; got != 3 {
					t.Errorf("failed starts %d, want 3", got)
				}
			})
		})
	}
}

func TestWaitBeginsAnewAfterAWorkerCameBackForASecondTask(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{refuse: errors.New("no such file")})
		b.pass(time.Second)
		b.launcher.behave(habits{})
		b.pass(time.Second)
		for seq := uint64(1); seq <= 2; seq++ {
			b.start(seq, 0).done(seq, workers.Succeeded)
			b.settle()
		}
		b.launcher.behave(habits{refuse: errors.New("no such file")})
		tried := len(b.launcher.starts())
		b.proc(tried-1).exit("killed by SIGSEGV", false)
		b.settle()
		if got := len(b.launcher.starts()); got != tried+1 {
			t.Errorf("%d starts were tried at once, want 1", got-tried)
		}
		b.pass(workers.FirstRetry)
		if got := len(b.launcher.starts()); got != tried+2 {
			t.Errorf("%d starts were tried after the first wait, want 2", got-tried)
		}
	})
}

func TestIdleWorkerThatHasWorkedIsReplacedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.start(1, 0).done(1, workers.Succeeded)
		b.settle()
		b.proc(0).exit("killed by SIGSEGV", false)
		b.settle()
		b.wantStates("1 ready")
	})
}

func TestWorkerThatDiesOfItsTaskIsReplacedAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		p := b.start(1, 0)
		b.pass(3 * time.Second)
		p.exit("killed by SIGSEGV", false)
		b.settle()
		b.wantStates("1 ready")
		b.wantTold("task 1 crashed: killed by SIGSEGV", "worker 1 free")
	})
}

func TestExitInOrderUnderATaskIsADeath(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		b.told()
		b.start(1, 0).exit("exit code 0", true)
		b.settle()
		b.wantTold("task 1 exited: exit code 0", "worker 1 free")
		if !strings.Contains(b.log.String(), "level=WARN") {
			t.Errorf("no warning was logged:\n%s", b.log)
		}
	})
}

func TestWorkersThatAreLostAllAtOnceComeBackAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(4, 4), habits{})
		b.pass(time.Minute)
		b.start(1, 0)
		b.start(2, 0)
		b.told()
		for id := range 4 {
			b.proc(id).exit("the supervisor ended", false)
		}
		b.settle()
		b.wantStates("4 ready", "5 ready", "6 ready", "7 ready")
		b.wantTold("task 1 lost: the supervisor ended", "task 2 lost: the supervisor ended",
			"worker 4 free", "worker 5 free", "worker 6 free", "worker 7 free")
	})
}

func TestWorkerThatIsNotReadyInTimeIsKilled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{silent: true})
		b.launcher.behave(habits{})
		b.pass(workers.StartBound - 1)
		b.wantStates("0 starting")
		b.pass(1)
		b.wantHeard(0, "kill")
		b.pass(workers.FirstRetry)
		b.wantStates("1 ready")
		if got := b.pool.Stats().FailedStarts; got != 1 {
			t.Errorf("failed starts %d, want 1", got)
		}
	})
}

func TestHelloBehindTheKillMakesNobodyReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{silent: true, immortal: true})
		b.pass(workers.StartBound)
		b.proc(0).hello()
		b.settle()
		b.wantStates("0 stopping")
		b.wantTold()
	})
}

func TestProcessHasItsWholeTimeAfterASlowLaunch(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{silent: true, delay: workers.StartBound, stubborn: true})
		b.pass(2*workers.StartBound - 1)
		b.wantStates("0 starting")
		b.wantHeard(0)
		b.pass(1)
		b.wantHeard(0, "kill")
	})
}

func TestLaunchThatTakesTooLongIsGivenUp(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{delay: time.Hour})
		b.pass(workers.StartBound)
		b.wantStates()
		if got := b.pool.Stats().LastError; got != "context deadline exceeded" {
			t.Errorf("last error %q", got)
		}
	})
}

func TestWorkerThatLeavesItsFirstTaskUnbegunWasStartedInVain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := newBench(t, pool(1, 1), habits{})
		for i, wait := range []time.Duration{100 * ms, 200 * ms, 400 * ms} {
			p := b.start(uint64(i+1), 0)
			p.leave()
			p.exit("exit code 0", true)
			b.settle()
			ended := time.Now()
			if got, want := b.pool.Stats().LastError, "it left while it was busy and had run no task"; got != want {
				t.Errorf("last error %q, want %q", got, want)
			}
			b.pass(time.Second)
			starts := b.launcher.starts()
			if got := starts[len(starts)-1].Sub(ended); got != wait {
				t.Errorf("the next start was tried after %v, want %v", got, wait)
			}
		}
	})
}
