package tests

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// limited is what the tasks of tests/host/project run under here. The scenarios are those of
// tests/host/limits.py, on a machine that has no controllers or no cgroups to give.
const limited = `version = 2
node_id = "test"
[worker]
pythonpath = [%q]
preload = ["app.tasks", "app.demands"]
env = { APP_OUT = %q }
[brokers.socket]
path = "d.sock"
[pool]
max_workers = 2
scaledown_wait = "200ms"
cancel_grace = "500ms"
%s
[limits]
memory_max = "512M"
tasks_max = 64
[[task]]
match = "app.demands.allocate"
limits = { memory_max = "64M" }
`

// startLimited starts a daemon with limits, as the user who runs the tests or as one who cannot
// write to the cgroup tree.
func startLimited(t *testing.T, asNobody bool) *daemon {
	t.Helper()
	d := prepareLimited(t, asNobody, "")
	d.run()
	d.waitLog("dispatcherd is running")
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	if got := d.demand("work"); got.Outcome != "succeeded" {
		t.Fatalf("a task that does nothing has ended with %+v\n%s", got, d.log)
	}
	return d
}

func prepareLimited(t *testing.T, asNobody bool, sections string) *daemon {
	t.Helper()
	d := prepare(t, "")
	if err := os.CopyFS(d.file("project"), os.DirFS("host/project")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.file("out"), 0o700); err != nil {
		t.Fatal(err)
	}
	toml := fmt.Sprintf(limited, d.file("project"), d.file("out"), sections)
	if err := os.WriteFile(d.file("dispatcherd.toml"), []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	if asNobody && os.Geteuid() == 0 {
		d.becomeNobody()
	}
	return d
}

// told is how a task has ended, as dispatcherctl tells it.
type told struct {
	Outcome   string  `json:"outcome"`
	Detail    string  `json:"detail"`
	Result    any     `json:"result"`
	Worker    int     `json:"worker"`
	CPU       float64 `json:"cpu_seconds"`
	Leftovers int     `json:"leftovers"`
}

// demand runs one of the demanding tasks to its end.
func (d *daemon) demand(task string, args ...string) (v told) {
	d.t.Helper()
	a := d.ctl(append([]string{"run", "app.demands." + task, "--wait", "--output", "json"}, args...)...)
	_, end, ok := strings.Cut(a.stdout, "\n") // behind the uuid
	if !ok {
		d.t.Fatalf("%s: exit code %d\n%s%s", task, a.code, a.stdout, a.stderr)
	}
	decode(d.t, end, &v)
	return v
}

// inBothWays runs a test with what cgroups this user has, and without any.
func inBothWays(t *testing.T, test func(t *testing.T, d *daemon)) {
	t.Parallel()
	for name, asNobody := range map[string]bool{"own": false, "none": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, startLimited(t, asNobody))
		})
	}
}

// Without its controller memory is limited for each process by itself: an allocation fails.
func TestTaskThatTakesTooMuchMemoryIsStopped(t *testing.T) {
	inBothWays(t, func(t *testing.T, d *daemon) {
		got := d.demand("allocate", "--kwarg", "megabytes=200")
		if !d.memoryController() {
			if got.Outcome != "failed" || !strings.Contains(got.Detail, "MemoryError") {
				t.Errorf("200 MB under 64 MB: %+v, want a MemoryError", got)
			}
			d.waitLog("a limit has no effect here, or a lesser one")
		} else if got.Outcome != "oom_killed" {
			t.Errorf("200 MB under 64 MB: %+v, want oom_killed", got)
		}
		for _, limit := range []string{"memory_max=512M", "memory_max=256M"} {
			if got := d.demand("child_allocates", "--kwarg", "megabytes=100", "--limit", limit); got.Result != 0.0 {
				t.Errorf("100 MB under %s: %+v", limit, got)
			}
		}
		if got := d.demand("child_allocates", "--kwarg", "megabytes=300", "--limit", "memory_max=128M"); got.Outcome != "succeeded" || got.Result == 0.0 {
			t.Errorf("a child that takes 300 MB under 128 MB: %+v", got)
		}
	})
}

func TestLimitAboveTheAllowedIsRefusedWithTheReason(t *testing.T) {
	inBothWays(t, func(t *testing.T, d *daemon) {
		for limit, reason := range map[string]string{
			"memory_max=1G": "1G is more than the 512M that the configuration allows",
			"tasks_max=65":  "65 is more than the 64 that the configuration allows",
			"colour=red":    "colour",
		} {
			a := d.ctl("run", "app.demands.leave", "--kwarg", `name="refused"`, "--limit", limit)
			if a.code != 1 || !strings.Contains(a.stderr, reason) || a.stdout != "" {
				t.Errorf("--limit %s: exit code %d\n%s%s\nwant the reason %q", limit, a.code, a.stdout, a.stderr, reason)
			}
		}
		if got := d.demand("work"); got.Outcome != "succeeded" {
			t.Errorf("the next task: %+v", got)
		}
		if files, err := os.ReadDir(d.file("out")); err != nil || len(files) > 0 {
			t.Errorf("a task that was refused has written %v (%v)", files, err)
		}
	})
}

// A process in a session of its own gets away where there are no cgroups, and nowhere else.
func TestDeafTaskWithAnIndependentHelperTimesOut(t *testing.T) {
	inBothWays(t, func(t *testing.T, d *daemon) {
		got := d.demand("stubborn", "--kwarg", `name="deaf"`, "--timeout", "2")
		if got.Outcome != "timed_out" {
			t.Errorf("ended with %+v", got)
		}
		task, helper := d.whereabouts("deaf"), d.whereabouts("deaf.daemon")
		if living(task) {
			t.Errorf("the task (process %d) lives", task)
		}
		d.wantCaught(helper)
	})
}

func TestWhatATaskLeavesBehindIsEndedWithIt(t *testing.T) {
	inBothWays(t, func(t *testing.T, d *daemon) {
		got := d.demand("leave", "--kwarg", `name="left"`)
		want := 0
		if d.inCgroups() {
			want = 1
		}
		if got.Outcome != "succeeded" || got.Leftovers != want {
			t.Errorf("ended with %+v, want %d processes left behind", got, want)
		}
		d.wantCaught(d.whereabouts("left.daemon"))
	})
}

// whereabouts is the process that has written its number into a file.
func (d *daemon) whereabouts(name string) int {
	d.t.Helper()
	pid, err := strconv.Atoi(waitFile(d.t, filepath.Join(d.file("out"), name), 1)[0])
	if err != nil {
		d.t.Fatal(err)
	}
	return pid
}

// wantCaught looks at a process that has made itself independent, and ends it where nothing else does.
func (d *daemon) wantCaught(pid int) {
	d.t.Helper()
	if caught := !living(pid); caught != d.inCgroups() {
		d.t.Errorf("process %d, in a session of its own, was caught: %t, in cgroups: %t", pid, caught, d.inCgroups())
	}
	_ = syscall.Kill(pid, syscall.SIGKILL) // it may have ended
}

// Without cgroups, what a process has used that is nobody's child is not known.
func TestCPUTimeOfMixedTasksIsThatOfGetrusage(t *testing.T) {
	inBothWays(t, func(t *testing.T, d *daemon) {
		kinds := [][]string{nil, {"--kwarg", "own=0.02"}, {"--kwarg", "own=0.2"}, {"--kwarg", "own=0.1", "--kwarg", "child=0.1"}}
		if d.inCgroups() {
			kinds = append(kinds, []string{"--kwarg", "own=0.1", "--kwarg", "stranger=0.1"})
		}
		for range 4 {
			for _, kind := range kinds {
				got := d.demand("work", kind...)
				want, _ := got.Result.(float64)
				if off := math.Abs(got.CPU - want); got.Outcome != "succeeded" || off > max(want/20, 0.005) {
					t.Errorf("work %v: %+v, and getrusage says %.4f s", kind, got, want)
				}
			}
		}
	})
}

func TestHundredKilledTasksLeaveAsManyGroupsAsBefore(t *testing.T) {
	inBothWays(t, func(t *testing.T, d *daemon) {
		d.waitIdle(1)
		before, killed := d.groups(), d.figure("tasks", "ended", "killed")
		c := d.connect()
		for range 100 {
			c.send(fmt.Sprintf(`{"task": "app.demands.die", "kwargs": {"child": %t}}`, d.inCgroups())) // elsewhere it would get away
		}
		waitFor(t, "100 killed tasks", func() bool { return d.figure("tasks", "ended", "killed") == killed+100 })
		d.waitIdle(1)
		waitFor(t, "as many groups as before", func() bool { return d.groups() == before })
	})
}

// groups counts the control groups of idle workers, and of what holds them, when there is one worker again.
func (d *daemon) groups() int {
	d.t.Helper()
	tree := d.tree()
	if tree == "" {
		return 0
	}
	entries, err := os.ReadDir(tree)
	if err != nil {
		d.t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if e.IsDir() {
			n++
		}
	}
	return n
}

func TestCgroupsThatAreRequiredAndMissingAreAnError(t *testing.T) {
	t.Parallel()
	d := prepareLimited(t, true, "[cgroups]\nrequire = true")
	d.run()
	if code := d.wait(); code == 0 {
		t.Errorf("dispatcherd ended with code 0; its log:\n%s", d.log)
	}
	if !strings.Contains(d.log.String(), "cgroups.require: workers have no cgroups") {
		t.Errorf("the log does not say why:\n%s", d.log)
	}
}
