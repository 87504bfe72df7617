package supervisor

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// eachIsolation runs a test with cgroups and without.
func eachIsolation(t *testing.T, test func(t *testing.T, cfg Config)) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  Config
	}{
		{isolationCgroup, Config{}},
		{isolationGroup, Config{Tree: noTree}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			test(t, tt.cfg)
		})
	}
}

// newTeamOf is newTeam, with the isolation that the test asked for.
func newTeamOf(t *testing.T, cfg Config) *team {
	t.Helper()
	tm := newTeam(t, cfg, project(t))
	if cfg.Tree != noTree {
		tm.needCgroups(t)
	} else if got := tm.info(t).Isolation; got != isolationGroup {
		t.Fatalf("isolation is %q in spite of an impossible tree", got)
	}
	return tm
}

func TestFiveWorkersAreLaunchedAtOnce(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		tm.info(t)
		hands := make([]*hand, 5)
		var wg sync.WaitGroup
		for i := range hands {
			wg.Go(func() {
				l, err := tm.client.Launch(bounded(t), i)
				if err != nil {
					t.Error(err)
					return
				}
				hands[i] = newHand(t, l)
			})
		}
		wg.Wait()
		if t.Failed() {
			return
		}
		pids := map[int]bool{}
		for _, h := range hands {
			h.frame(t)
			pids[h.PID] = true
			group, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", h.PID))
			if err != nil {
				t.Fatal(err)
			}
			own := fmt.Sprintf("/worker-%d\n", h.Worker)
			if cfg.Tree != noTree && !(strings.HasSuffix(string(group), own) && strings.HasSuffix(h.Cgroup+"\n", own)) {
				t.Errorf("worker %d is in %q and said to be in %q", h.Worker, group, h.Cgroup)
			}
			if cfg.Tree == noTree && h.Cgroup != "" {
				t.Errorf("worker %d is said to be in %q, want no cgroup", h.Worker, h.Cgroup)
			}
			if stat, err := readStat(h.PID); err != nil || stat.session != h.PID {
				t.Errorf("worker %d is in session %d, %v, want its own", h.Worker, stat.session, err)
			}
		}
		if len(pids) != 5 {
			t.Errorf("%d different processes, want 5", len(pids))
		}
		for _, h := range hands {
			h.send(t, frameStop, 0, nil)
			if exit := exitOfWorker(t, h.Launched); exit.String() != "exit code 0" || exit.MaxRSS < 1<<20 || exit.UserTime+exit.SystemTime <= 0 {
				t.Errorf("worker %d: %s, %+v", h.Worker, exit, exit)
			}
		}
		tm.finish(t)
	})
}

func TestTheWayAWorkerEndsIsTold(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		h := tm.hire(t, 1)
		h.run(t, "leave", 3)
		if exit := exitOfWorker(t, h.Launched); exit.Code != 3 || exit.Signal != 0 {
			t.Errorf("os._exit(3): %s", exit)
		}
		h = tm.hire(t, 2)
		h.run(t, "crash", int(unix.SIGTERM))
		if exit := exitOfWorker(t, h.Launched); exit.Signal != unix.SIGTERM {
			t.Errorf("SIGTERM: %s", exit)
		}
		h = tm.hire(t, 2) // a number that is free again
		if err := syscall.Kill(h.PID, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if exit := exitOfWorker(t, h.Launched); exit.String() != "killed by SIGKILL" || exit.Lost {
			t.Errorf("SIGKILL: %s", exit)
		}
		tm.finish(t)
	})
}

func TestKillTakesWhatTheTaskHasStartedAlong(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		h := tm.hire(t, 1)
		h.run(t, "child", cfg.Tree != noTree) // only a cgroup holds what has made its own session
		child := number(t, h.line(t))
		h.done(t)
		h.run(t, "sleep", 300)
		h.expect(t, "sleeping")
		if !alive(child) || !alive(h.PID) {
			t.Fatalf("worker %d and its child %d are not both there", h.PID, child)
		}
		for range 2 { // it is no error to do it twice
			if err := tm.client.Kill(1); err != nil {
				t.Fatal(err)
			}
		}
		if exit := exitOfWorker(t, h.Launched); exit.Signal != unix.SIGKILL {
			t.Errorf("killed worker: %s", exit)
		}
		if alive(child) {
			t.Errorf("process %d, started by the task, is still there", child)
		}
		if exists(h.Cgroup) {
			t.Errorf("%s is still there", h.Cgroup)
		}
		tm.finish(t)
	})
}

func TestSurvivorsAreCountedAndKilled(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		h := tm.hire(t, 1)
		h.run(t, "child_and_leave", cfg.Tree != noTree)
		child := number(t, h.line(t))
		exit := exitOfWorker(t, h.Launched)
		if exit.cause() != "exit code 0" || exit.Survivors != 1 {
			t.Errorf("worker: %s with %d survivors, want exit code 0 with 1", exit, exit.Survivors)
		}
		if alive(child) {
			t.Errorf("process %d has survived", child)
		}
		tm.finish(t)
	})
}

func TestWorkerSeesItsOwnDescriptorsOnly(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t))
	tm.hire(t, 1) // whose descriptors the second one must not have
	h := tm.hire(t, 2)
	h.run(t, "descriptors")
	var kinds []string
	for entry := range strings.SplitSeq(h.line(t), ";") {
		_, target, _ := strings.Cut(entry, " ")
		kind, _, _ := strings.Cut(target, ":")
		kinds = append(kinds, kind)
	}
	slices.Sort(kinds)
	// The listing's own descriptor is closed by the time that it is looked at.
	if want := []string{"/dev/null", "pipe", "pipe", "socket"}; !slices.Equal(kinds, want) {
		t.Errorf("a task has open %q, want %q", kinds, want)
	}
	tm.finish(t)
}

func TestTasksDoNotSeeTheServiceManagersVariables(t *testing.T) {
	t.Parallel()
	spec := project(t)
	spec.Env = map[string]string{"ADDED": "by the spec"}
	tm := newTeam(t, Config{}, spec)
	h := tm.hire(t, 1)
	for _, tt := range []struct{ name, want string }{
		{"NOTIFY_SOCKET", "absent"}, {"LISTEN_FDS", "absent"}, {"SEEN_BY_TASKS", "yes"}, {"ADDED", "by the spec"},
	} {
		h.run(t, "environment", tt.name)
		h.expect(t, tt.want)
		h.done(t)
	}
	tm.finish(t)
}

func TestInterruptRingsAtTheWorker(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t))
	h := tm.hire(t, 1)
	h.run(t, "sleep", 300)
	h.expect(t, "sleeping")
	h.send(t, frameCancel, 7, nil)
	if err := tm.client.Interrupt(1); err != nil {
		t.Fatal(err)
	}
	h.done(t)
	if err := tm.client.Interrupt(99); err != nil {
		t.Errorf("Interrupt of a worker that is not there: %v", err)
	}
	tm.finish(t)
}

func TestNumberInUseIsRefused(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t))
	h := tm.hire(t, 1)
	if _, err := tm.client.Launch(bounded(t), 1); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("there already, as process %d", h.PID)) {
		t.Errorf("second launch of worker 1: %v", err)
	}
	tm.finish(t)
}
