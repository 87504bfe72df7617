package supervisor

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// verdict waits for what the supervisor says of a worker that it ended alone.
func (tm *team) verdict(t *testing.T, worker int) map[string]any {
	t.Helper()
	return tm.keeper.log.find(t, 1, "worker ended without its daemon", fmt.Sprintf(`"worker":%d,`, worker))
}

func TestSupervisorEndsWithItsDaemon(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		cfg.ExitWithDaemon = true
		tm := newTeamOf(t, cfg)
		idle, busy := tm.hire(t, 1), tm.hire(t, 2)
		busy.run(t, "flood", 1<<20, "/dev/null") // waits for nobody, though nobody reads
		busy.expect(t, "sleeping")
		tm.stop()
		tm.ends(t)
		for _, h := range []*hand{idle, busy} {
			v := tm.verdict(t, h.Worker)
			if v["verdict"] != string(stageAsked) || v["exit"] != "exit code 0" || int(v["pid"].(float64)) != h.PID {
				t.Errorf("worker %d: %v", h.Worker, v)
			}
			if alive(h.PID) {
				t.Errorf("worker %d lives", h.Worker)
			}
		}
	})
}

func TestDrainCancelsWhatTakesTooLong(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		cfg.ExitWithDaemon = true
		spec := project(t)
		spec.ShutdownGrace = time.Millisecond
		tm := newTeam(t, cfg, spec)
		h := tm.hire(t, 1)
		h.run(t, "sleep", 300)
		h.expect(t, "sleeping")
		tm.stop()
		tm.ends(t)
		v := tm.verdict(t, 1)
		if v["verdict"] != string(stageCancelled) || v["exit"] != "exit code 0" {
			t.Errorf("%v, want the task cancelled and the worker gone by itself", v)
		}
		if output := fmt.Sprint(v["output"]); !strings.Contains(output, "Cancel") {
			t.Errorf("the last lines of the worker are %q, want the traceback of its cancelled task", output)
		}
	})
}

func TestDrainRepeatsTheSignalOfACancel(t *testing.T) {
	t.Parallel()
	spec := project(t)
	spec.ShutdownGrace = time.Millisecond
	tm := newTeam(t, Config{ExitWithDaemon: true}, spec)
	h := tm.hire(t, 1)
	h.run(t, "deaf_once")
	h.expect(t, "sleeping")
	tm.stop()
	tm.ends(t)
	if v := tm.verdict(t, 1); v["verdict"] != string(stageCancelled) || v["exit"] != "exit code 5" {
		t.Errorf("%v, want it ended by the second signal", v)
	}
}

func TestDrainKillsWhatDoesNotObey(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		cfg.ExitWithDaemon = true
		spec := project(t)
		spec.ShutdownGrace, spec.CancelGrace = time.Millisecond, 300*time.Millisecond
		tm := newTeam(t, cfg, spec)
		h := tm.hire(t, 1)
		h.run(t, "stubborn")
		h.expect(t, "sleeping")
		tm.stop()
		tm.ends(t)
		if v := tm.verdict(t, 1); v["verdict"] != string(stageKilled) || v["exit"] != "killed by SIGKILL" {
			t.Errorf("%v, want it killed", v)
		}
	})
}

func TestSecondSignalKillsAtOnce(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t)) // with long graces
	h := tm.hire(t, 1)
	h.run(t, "stubborn")
	h.expect(t, "sleeping")
	tm.cmd.Process.Signal(unix.SIGTERM)
	tm.keeper.log.find(t, 1, "ending the workers")
	tm.cmd.Process.Signal(unix.SIGTERM)
	// The daemon is there, and is told as always.
	if exit := exitOfWorker(t, h.Launched); exit.Signal != unix.SIGKILL || exit.Lost {
		t.Errorf("worker: %s", exit)
	}
	tm.ends(t)
}

func TestDrainWithADaemonLeavesTheOutputToIt(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t))
	h := tm.hire(t, 1)
	h.run(t, "child", false)
	tm.cmd.Process.Signal(unix.SIGTERM)
	number(t, h.line(t))
	h.done(t)
	if exit := exitOfWorker(t, h.Launched); exit.cause() != "exit code 0" || exit.Survivors != 1 {
		t.Errorf("worker: %s, %d survivors", exit, exit.Survivors)
	}
	tm.ends(t)
}

func TestNoWorkerIsLaunchedDuringADrain(t *testing.T) {
	t.Parallel()
	tm := newTeam(t, Config{}, project(t))
	h := tm.hire(t, 1)
	h.run(t, "stubborn")
	h.expect(t, "sleeping")
	tm.cmd.Process.Signal(unix.SIGTERM)
	tm.keeper.log.find(t, 1, "ending the workers")
	if _, err := tm.client.Launch(bounded(t), 2); err == nil || !strings.Contains(err.Error(), errStopping.Error()) {
		t.Errorf("Launch = %v, want that the supervisor is stopping", err)
	}
	if err := tm.client.Kill(1); err != nil {
		t.Fatal(err)
	}
	tm.ends(t)
}

func TestSupervisorDoesNotWaitForEverForItsDaemon(t *testing.T) {
	t.Parallel()
	p := newPlace(t, Config{ExitWithDaemon: true})
	p.env = []string{childPatience + "=1ms"}
	k := p.start(t)
	select {
	case <-k.dead:
	case <-time.After(limit):
		t.Fatal("it waits")
	}
	if k.cmd.ProcessState.Success() {
		t.Error("it ended as if that were in order")
	}
	k.log.find(t, 1, "no daemon has connected within 1ms")
	p.assertClean(t)
}
