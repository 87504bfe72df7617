package supervisor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLaunchWorksAfterTheForkServerWasKilled(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		before := tm.hire(t, 1)
		ready := tm.keeper.log.find(t, 1, `"fork server is ready"`)
		if err := unix.Kill(int(ready["pid"].(float64)), unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		after := tm.hire(t, 2)
		before.run(t, "sleep", 0) // the worker lives on
		before.expect(t, "sleeping")
		before.done(t)
		after.run(t, "sleep", 0)
		after.expect(t, "sleeping")
		after.done(t)
		ended := tm.keeper.log.find(t, 1, `"fork server ended"`)
		if ended["level"] != "WARN" || ended["pid"] != ready["pid"] || ended["exit"] != "killed by SIGKILL" {
			t.Errorf("the end of the fork server is told as %v", ended)
		}
		if n := tm.client.Info().ForkServerRestarts; n != 1 {
			t.Errorf("fork server restarts: %d, want 1", n)
		}
		tm.finish(t)
		if n := strings.Count(tm.keeper.log.text(), `"fork server ended"`); n != 1 {
			t.Errorf("%d fork servers have ended, want only the one that we have not stopped", n)
		}
	})
}

func TestLostSupervisorIsReplaced(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		h := tm.hire(t, 1)
		h.run(t, "child", false)
		child := number(t, h.line(t))
		h.done(t)
		h.run(t, "stubborn")
		h.expect(t, "sleeping")
		tm.cmd.Process.Kill()
		<-tm.dead
		tm.killed++
		if exit := exitOfWorker(t, h.Launched); !exit.Lost || exit.String() != "the supervisor ended" {
			t.Errorf("worker of a lost supervisor: %s", exit)
		}
		if !alive(h.PID) || !alive(child) {
			t.Fatal("the worker and its child are gone already: nothing to sweep")
		}
		tm.keeper = tm.place.start(t)
		next := tm.hire(t, 2)
		for _, pid := range []int{h.PID, child} {
			awaitEnd(t, pid)
		}
		if h.Cgroup != "" && exists(h.Cgroup) {
			t.Errorf("%s is still there", h.Cgroup)
		}
		if cfg.Tree == noTree { // otherwise the sweep was first
			killed := tm.keeper.log.find(t, 1, `"killed a worker of an earlier supervisor"`)
			if killed["worker"] != 1.0 || killed["pid"] != float64(h.PID) || killed["children"] != 1.0 {
				t.Errorf("the worker's end is told as %v, want worker 1 with one child", killed)
			}
		}
		if !alive(next.PID) {
			t.Error("the sweep has ended a new worker")
		}
		if info := tm.client.Info(); info.Restarts != 1 || info.PID != tm.cmd.Process.Pid {
			t.Errorf("%+v, want one restart and process %d", info, tm.cmd.Process.Pid)
		}
		tm.finish(t)
	})
}

func TestOrphansAreEndedAlsoWhenTheDaemonStops(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		p := newPlace(t, cfg)
		t.Cleanup(func() { p.assertClean(t) })
		tm := &team{place: p, keeper: p.start(t)}
		ctx, cancel := context.WithCancel(t.Context())
		dials := 0 // owned by Run
		tm.client = NewClient(project(t), "", func(ctx context.Context) (*net.UnixConn, error) {
			switch dials++; dials {
			case 2: // right after the loss
				cancel()
				return nil, errors.New("there is no supervisor yet")
			case 3:
				<-tm.dead // its process is still in the tree until then
				tm.keeper = p.start(t)
			}
			return p.dial(ctx)
		}, slog.New(slog.DiscardHandler))
		done := make(chan error, 1)
		go func() { done <- tm.client.Run(ctx) }()
		h := tm.hire(t, 1)
		h.run(t, "stubborn")
		h.expect(t, "sleeping")
		tm.cmd.Process.Kill()
		p.killed++
		if exit := exitOfWorker(t, h.Launched); !exit.Lost {
			t.Errorf("worker of a lost supervisor: %s", exit)
		}
		if err := <-done; err != nil || dials != 3 {
			t.Errorf("Run of the client: %v after %d connections, want the third to end the worker", err, dials)
		}
		awaitEnd(t, h.PID)
		tm.cmd.Process.Signal(unix.SIGTERM)
		tm.ends(t)
	})
}

func TestLaunchSaysWhatIsWrongWithTheSpec(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*Spec)
		want   string
	}{
		{"no module", func(s *Spec) { s.Preload = []string{"app.tasks"} }, "preload app.tasks: ModuleNotFoundError: No module named 'app'"},
		{"no python", func(s *Spec) { s.Python = "/nonexistent/python" }, `start python "/nonexistent/python": no such file or directory`},
		{"python not on PATH", func(s *Spec) { s.Python = "python-of-nobody" }, `start python "python-of-nobody": executable file not found in $PATH`},
		{"no program", func(s *Spec) { s.Python = writeScript(t, "not a program") }, "exec format error"},
		{"another program", func(s *Spec) { s.Python = "/bin/false" }, "the fork server ended before it was ready: exit code 1"},
		{"another program that complains", func(s *Spec) { s.Python = writeScript(t, "#!/bin/sh\necho who am I >&2; exit 4") },
			"the fork server ended before it was ready: exit code 4: who am I"},
		{"no directory", func(s *Spec) { s.WorkingDirectory = "/nonexistent" }, "/nonexistent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			spec := project(t)
			tt.change(&spec)
			tm := newTeam(t, Config{}, spec)
			for range 2 { // and again, when it is tried once more
				_, err := tm.client.Launch(bounded(t), 1)
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("Launch: %v, want %q in it", err, tt.want)
				}
			}
			if info := tm.client.Info(); !strings.HasPrefix(info.ForkServer, "failed: ") || !strings.Contains(info.ForkServer, tt.want) {
				t.Errorf("Info().ForkServer = %q", info.ForkServer)
			}
			tm.finish(t)
		})
	}
}

func writeScript(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOutputOfThePreloadsIsLogged(t *testing.T) {
	t.Parallel()
	spec := project(t)
	module := "import sys\nprint('made ready')\nprint('in a hurry', file=sys.stderr)\n"
	if err := os.WriteFile(filepath.Join(spec.PythonPath[0], "loud.py"), []byte(module), 0o644); err != nil {
		t.Fatal(err)
	}
	spec.Preload = []string{"loud"}
	tm := newTeam(t, Config{}, spec)
	tm.hire(t, 1)
	for line, level := range map[string]string{"made ready": "INFO", "in a hurry": "WARN"} {
		entry := tm.keeper.log.find(t, 1, line)
		if entry["level"] != level || entry["part"] != "forkserver" || entry["line"] != line {
			t.Errorf("log entry of %q: %v, want it as %s of the fork server", line, entry, level)
		}
	}
	tm.finish(t)
	for line := range strings.Lines(tm.keeper.log.text()) {
		if n := strings.Count(line, `"part":`); n != 1 {
			t.Errorf("%d parts in %s", n, line)
		}
	}
}

func TestOutputOfAStartThatFailsAgainIsLoggedOnce(t *testing.T) {
	t.Parallel()
	spec := project(t)
	state := filepath.Join(t.TempDir(), "state")
	module := fmt.Sprintf(`
import sys
state = open(%q).read()
print("found", state, file=sys.stderr)
if state != "mended":
    raise ValueError(state)
`, state)
	if err := os.WriteFile(filepath.Join(spec.PythonPath[0], "broken.py"), []byte(module), 0o644); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := os.WriteFile(state, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	spec.Preload = []string{"broken"}
	write("rotten")
	tm := newTeam(t, Config{}, spec)
	for _, text := range []string{"rotten", "rotten", "rotten", "worse", "worse"} {
		write(text)
		if _, err := tm.client.Launch(bounded(t), 1); err == nil || !strings.Contains(err.Error(), "ValueError: "+text) {
			t.Errorf("Launch: %v, want that it is %s", err, text)
		}
	}
	write("mended")
	tm.hire(t, 1)
	tm.finish(t)
	log := tm.keeper.log.text()
	for _, line := range []string{"found rotten", "ValueError: rotten", "found worse", "ValueError: worse", "found mended"} {
		if n := strings.Count(log, `"line":"`+line); n != 1 {
			t.Errorf("%q is logged %d times, want once", line, n)
		}
	}
}

func TestNewGenerationGetsANewForkServer(t *testing.T) {
	t.Parallel()
	spec := project(t)
	tm := newTeam(t, Config{}, spec)
	old := tm.hire(t, 1)
	first := tm.keeper.log.find(t, 1, `"fork server is ready"`)
	tm.stop()
	spec.Generation = 2
	spec.Env = map[string]string{"ADDED": "later"}
	tm.client, tm.stop = tm.connect(t, spec)
	h := tm.hire(t, 2)
	if text := tm.keeper.log.text(); strings.Contains(text, "fork server ended") {
		t.Errorf("the end of a fork server that we have stopped is told:\n%s", text)
	}
	h.run(t, "environment", "ADDED")
	h.expect(t, "later")
	if pid := int(first["pid"].(float64)); alive(pid) {
		t.Errorf("the first fork server, process %d, is still there", pid)
	}
	if !alive(old.PID) {
		t.Error("the worker of the first one is gone")
	}
	tm.finish(t)
}

func TestNextDaemonInheritsTheWorkers(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		h := tm.hire(t, 1)
		report := filepath.Join(t.TempDir(), "report")
		if err := unix.Mkfifo(report, 0o600); err != nil {
			t.Fatal(err)
		}
		h.run(t, "flood", 1<<20, report)
		h.expect(t, "sleeping")
		tm.stop()
		h.Launched.close()
		// Nobody reads the task's output but the supervisor.
		if text, err := os.ReadFile(report); string(text) != "flooded" {
			t.Fatalf("the task reported %q, %v", text, err)
		}
		if exit := exitOfWorker(t, h.Launched); !exit.Lost {
			t.Errorf("worker after the connection was closed: %s", exit)
		}
		tm.client, tm.stop = tm.connect(t, tm.client.spec)
		tm.connected(t, tm.client)
		list := <-tm.client.Inherited()
		if len(list) != 1 || list[0].PID != h.PID || list[0].Worker != 1 || list[0].Cgroup != h.Cgroup {
			t.Fatalf("inherited %+v, want worker 1 with process %d", list, h.PID)
		}
		if info := tm.client.Info(); info.ForkServer != "ready" {
			t.Errorf("the next daemon knows of the fork server: %q, want that it is ready", info.ForkServer)
		}
		select {
		case again := <-tm.client.Inherited():
			t.Errorf("inherited once more: %+v", again)
		default:
		}
		next := newHand(t, list[0])
		next.done(t)
		next.send(t, frameStop, 0, nil)
		if exit := exitOfWorker(t, next.Launched); exit.String() != "exit code 0" {
			t.Errorf("inherited worker: %s", exit)
		}
		tm.finish(t)
	})
}

func TestEveryLaunchIsAnsweredWhileForkServersAreKilled(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		const workers = 6
		for round := 1; round <= 4; round++ {
			ready := tm.keeper.log.find(t, round, `"fork server is ready"`)
			var wg sync.WaitGroup
			for id := range workers {
				wg.Go(func() {
					l, err := tm.client.Launch(bounded(t), id)
					if err != nil {
						t.Logf("round %d: %v", round, err) // allowed: it is an answer
						return
					}
					defer l.close()
					tm.client.Kill(id)
					if exit := exitOfWorker(t, l); exit.Lost {
						t.Errorf("worker %d: %s", id, exit)
					}
				})
				if id == workers/2 {
					unix.Kill(int(ready["pid"].(float64)), unix.SIGKILL)
				}
			}
			wg.Wait()
			h := tm.hire(t, workers) // from the next one
			h.send(t, frameStop, 0, nil)
			exitOfWorker(t, h.Launched)
		}
		tm.finish(t)
	})
}

func TestEndedWorkersLeaveNoDescriptors(t *testing.T) {
	eachIsolation(t, func(t *testing.T, cfg Config) {
		tm := newTeamOf(t, cfg)
		var open []int
		for id := range 4 {
			h := tm.hire(t, id)
			h.send(t, frameStop, 0, nil)
			exitOfWorker(t, h.Launched)
			fds, err := os.ReadDir("/proc/" + strconv.Itoa(tm.cmd.Process.Pid) + "/fd")
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, len(fds))
		}
		if open[3] > open[0] {
			t.Errorf("the supervisor has %v descriptors after each worker, want no more at the end", open)
		}
		tm.finish(t)
	})
}
