package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"dispatcherd/control"
	"dispatcherd/tests/postgres"
)

// ourLibrary makes Python programs use our library, the project's tasks and this
// daemon.
func ourLibrary(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, dir := range []string{"../workers/python", "project"} {
		path, err := filepath.Abs(dir)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return []string{
		"PYTHONPATH=" + strings.Join(paths, ":"), "PYTHONDONTWRITEBYTECODE=1",
		"DISPATCHERD_PROGRAM=" + filepath.Join(programs, "dispatcherd"),
	}
}

// python runs Python code to its end and returns what it printed.
func python(t *testing.T, interpreter, dir string, env []string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, args...)
	cmd.Dir, cmd.Env = dir, slices.Concat(os.Environ(), env)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the code says it
	return answer{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// serve starts the service as a project does that has settings of its own.
const serve = `#!%s
import logging, sys
import dispatcherd
from dispatcherd.config import setup

logging.basicConfig(level=logging.INFO)
setup(config={
    "version": 2,
    "brokers": {"socket": {"socket_path": %q}},
    "service": {
        "main_kwargs": {"node_id": "test"},
        "process_manager_kwargs": {"preload_modules": ["app.tasks"]},
        "pool_kwargs": {"max_workers": 2},
    },
    "producers": {"ControlProducer": None},
    "worker": {"worker_cls": "app.worker.Worker", "worker_kwargs": {"password": "hunter2"}},
})
`

// becomes is the end of a service without threads, beside is that of one with a thread.
const (
	becomes = `dispatcherd.run_service()
sys.exit("run_service came back")
`
	beside = `import threading
ended = threading.Event()
threading.Thread(target=ended.wait).start()
try:
    dispatcherd.run_service()
    print("run_service came back", file=sys.stderr)
finally:
    ended.set()
`
)

// startService starts the daemon through run_service, as the end of the program calls it.
func startService(t *testing.T, interpreter, end string) *daemon {
	t.Helper()
	d := prepare(t, "")
	path, err := exec.LookPath(interpreter)
	if err != nil {
		t.Fatal(err)
	}
	d.program = d.file("serve")
	if err := os.WriteFile(d.program, fmt.Appendf(nil, serve+end, path, d.socket), 0o700); err != nil {
		t.Fatal(err)
	}
	d.run(append(ourLibrary(t), "APP_HOOKS="+d.file("hooks"))...)
	d.waitLog("dispatcherd is running")
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	return d
}

func TestRunServiceBecomesTheDaemon(t *testing.T) {
	t.Parallel()
	d := startService(t, "python3", becomes)
	if pid := d.figure("main", "pid"); pid != d.pid() {
		t.Errorf("the daemon is process %d, want the one that called run_service, %d", pid, d.pid())
	}
	for _, pid := range append(d.workerPIDs(), d.pid(), d.supervisor(), d.forkServer()) {
		for _, name := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), name))
			if err != nil || strings.Contains(string(text), "hunter2") {
				t.Errorf("%s of process %d has the secret of the settings, or cannot be read: %v", name, pid, err)
			}
		}
	}
	if lines := waitFile(t, d.file("hooks"), 1); lines[0] != "on_start" {
		t.Errorf("the worker class noted %q, want on_start", lines)
	}
	if a := d.task("app.tasks.add", "--arg", "1", "--arg", "2"); !strings.Contains(a.stdout, "result: 3") {
		t.Errorf("a task of the project answered\n%s%s", a.stdout, a.stderr)
	}
	if log := d.log.String(); strings.Contains(log, "hunter2") {
		t.Errorf("the log tells the secret:\n%s", log)
	}
}

func TestRunServiceReturnsToAProcessThatHasThreads(t *testing.T) {
	t.Parallel()
	d := startService(t, "python3", beside)
	if pid := d.figure("main", "pid"); pid == d.pid() {
		t.Errorf("the daemon is the process %d that called run_service, whose thread is lost", pid)
	}
	if a := d.task("app.tasks.add", "--arg", "1", "--arg", "2"); !strings.Contains(a.stdout, "result: 3") {
		t.Errorf("a task of the project answered\n%s%s", a.stdout, a.stderr)
	}
	d.stop()
	d.waitLog("dispatcherd has stopped")
	d.waitLog("run_service came back")
}

func TestWorkersOfRunServiceHaveItsPython(t *testing.T) {
	t.Parallel()
	d := startService(t, virtual(t), becomes)
	for _, pid := range d.workerPIDs() {
		argv, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		if err != nil || !strings.HasPrefix(string(argv), virtual(t)+"\x00") {
			t.Errorf("a worker was started as %q, %v, want with %s", argv, err, virtual(t))
		}
	}
	// The path has our library first, before the original that this interpreter has.
	if a := d.task("app.jobs.library"); !strings.Contains(a.stdout, "workers/python/dispatcherd") {
		t.Errorf("tasks import another library than who started the service:\n%s%s", a.stdout, a.stderr)
	}
}

func TestTaskPublishesWithTheSettingsOfTheService(t *testing.T) {
	t.Parallel()
	d := startService(t, "python3", becomes)
	path := d.file("second")
	d.task("app.chain.first", "--arg", quoted(path))
	if lines := waitFile(t, path, 1); len(lines[0]) != 36 {
		t.Errorf("the task that another one has published has the uuid %q, want a uuid", lines[0])
	}
}

// projectsTests are how a project tests itself against a service.
const projectsTests = `
import asyncio, os, sys
from dispatcherd.config import temporary_settings
from dispatcherd.testing import adispatcher_service, dispatcher_service, wait_for_producers_ready
from dispatcherd.testing.daemon import Daemon
from app import tasks

config = {"version": 2, "producers": {"ControlProducer": {}}, "service": {"pool_kwargs": {"max_workers": 1}}}


def gone(daemon):
    try:
        os.kill(daemon.pid, 0)
    except ProcessLookupError:
        return not os.path.exists(daemon.log_path)
    return False


def sync():
    with dispatcher_service(config) as daemon:
        assert daemon.control("alive")["node_id"]
        with temporary_settings(daemon.settings.serialize()):
            tasks.mark.apply_async(args=[sys.argv[1], "sync"])
            daemon.control("run", {"task": "app.tasks.mark", "args": [sys.argv[1], "control"]})
        assert "dispatcherd is running" in daemon.log()
        counters = daemon.wait_ended(2)
        # The control request "run", the task in it, and the task that was published.
        assert counters["received_count"] - counters["control_count"] == 2, counters
        try:
            daemon.wait_ended(3, timeout=0.1)
            raise AssertionError("a third task has ended")
        except TimeoutError as exc:
            assert str(exc) == "2 of 3 tasks have ended within 0.1 s", exc
    assert gone(daemon)


async def asynchronous():
    async with adispatcher_service(config) as daemon:
        await wait_for_producers_ready(daemon)
        with temporary_settings(daemon.settings.serialize()):
            await asyncio.get_running_loop().run_in_executor(None, lambda: tasks.mark.delay(sys.argv[1], "async"))
            await asyncio.get_running_loop().run_in_executor(None, daemon.wait_ended, 1)
    assert gone(daemon)


def broken():
    for more, why in (({"service": {"process_manager_kwargs": {"preload_modules": ["nowhere"]}}}, "No module named 'nowhere'"),
                      ({"brokers": {"socket": {"socket_path": "/dev/null"}}}, "/dev/null")):
        try:
            with dispatcher_service(dict(config, **more)):
                raise AssertionError("it was started")
        except RuntimeError as exc:
            assert why in str(exc), exc


import dispatcherd.testing.daemon
dispatcherd.testing.daemon.READY_SECONDS = float(sys.argv[2])
{"sync": sync, "async": lambda: asyncio.run(asynchronous()), "broken": broken}[sys.argv[3]]()
print("passed")
`

func TestProjectsTestsStartAServiceOfTheirOwn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, ready string
		want        []string // that tasks have written
	}{
		{"sync", "60", []string{"control", "sync"}},
		{"async", "60", []string{"async"}},
		{"broken", "3", nil}, // where a worker never becomes ready
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := shortDir(t)
			path := filepath.Join(dir, "marks")
			a := python(t, "python3", dir, append(ourLibrary(t), "TMPDIR="+dir), "-c", projectsTests, path, tt.ready, tt.name)
			if a.code != 0 || a.stdout != "passed\n" {
				t.Fatalf("a project's test: %+v", a)
			}
			if tt.want != nil {
				lines := waitFile(t, path, len(tt.want))
				slices.Sort(lines)
				if !slices.Equal(lines, tt.want) {
					t.Errorf("the tasks wrote %q, want %q", lines, tt.want)
				}
			}
			left, err := filepath.Glob(filepath.Join(dir, "dispatcherd*"))
			if err != nil || len(left) > 0 {
				t.Errorf("%v is left, %v", left, err)
			}
		})
	}
}

func TestProjectsTestsMayUsePostgres(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	dir := shortDir(t)
	path := filepath.Join(dir, "marks")
	a := python(t, virtual(t), dir, append(ourLibrary(t), "TMPDIR="+dir), "-c", `
import sys
from dispatcherd.config import temporary_settings
from dispatcherd.testing import dispatcher_service
from app import tasks

settings = {
    "version": 2, "publish": {"default_broker": "pg_notify"},
    "brokers": {"pg_notify": {"config": {"conninfo": sys.argv[1]}, "channels": ("jobs",), "default_publish_channel": "jobs"}},
}
with dispatcher_service(settings) as daemon:
    with temporary_settings(daemon.settings.serialize()):
        tasks.mark.delay(sys.argv[2], "over Postgres")
    daemon.wait_ended(1)
`, db.ConnInfo(), path)
	if a.code != 0 {
		t.Fatalf("a project's test: %+v", a)
	}
	if lines := waitFile(t, path, 1); lines[0] != "over Postgres" {
		t.Errorf("the task wrote %q", lines)
	}
}

// consume runs a project's own control program, which is made of the library's parts.
func consume(t *testing.T, d *daemon, env []string, args ...string) answer {
	t.Helper()
	program, err := filepath.Abs("project/consumer.py")
	if err != nil {
		t.Fatal(err)
	}
	settings := encode(t, map[string]any{"version": 2, "brokers": map[string]any{"socket": map[string]any{"socket_path": d.socket}}})
	return python(t, virtual(t), d.dir, env, append([]string{program, settings}, args...)...)
}

func TestControlProgramsOfProjectsWorkWithEitherLibrary(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	h := d.hold("held")
	waiting := d.submitHeld("waiting")
	for _, args := range [][]string{
		{"alive"}, {"running"}, {"running", "--uuid", "held"}, {"running", "--task", "nothing"}, {"producers"},
		{"cancel", "--uuid", "nobody"},
	} {
		theirs, ours := consume(t, d, nil, args...), consume(t, d, ourLibrary(t), args...)
		if ours.code != 0 || !strings.Contains(ours.stdout, "node_id: test") {
			t.Fatalf("%v with our library: %+v", args, ours)
		}
		if diff := cmp.Diff(counted.ReplaceAllString(theirs.stdout, ""), counted.ReplaceAllString(ours.stdout, "")); diff != "" {
			t.Errorf("%v prints otherwise with our library (-original +ours):\n%s", args, diff)
		}
	}
	for _, args := range [][]string{{}, {"no_command"}, {"running", "--limit", "3"}} {
		theirs, ours := consume(t, d, nil, args...), consume(t, d, ourLibrary(t), args...)
		if theirs.code != 2 || ours.code != 2 {
			t.Errorf("%v ends with %d, and with our library with %d, want 2", args, theirs.code, ours.code)
		}
	}
	consume(t, d, ourLibrary(t), "cancel", "--uuid", "waiting")
	waiting.wantEnd(1, "outcome: cancelled")
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
}

// counted are the figures that differ from one request to the next.
var counted = regexp.MustCompile(`(?m)^.*(produced_count|uptime_seconds): .*\n`)

func TestEveryCommandIsDescribedInThePythonLibrary(t *testing.T) {
	t.Parallel()
	a := python(t, virtual(t), t.TempDir(), ourLibrary(t), "-c", `
import json
from dispatcherd.cli import _load_control_arg_schema
from dispatcherd.service import control_tasks
print(json.dumps({name: sorted(_load_control_arg_schema(getattr(control_tasks, name)))
                  for name in control_tasks.__all__ + ["run"]}))
`)
	described := map[string][]string{}
	decode(t, a.stdout, &described)
	for _, spec := range control.Specs {
		want := []string{}
		if spec.Name != "run" { // whose arguments are a message
			for _, arg := range spec.Args {
				want = append(want, arg.Name)
			}
		}
		slices.Sort(want)
		if got, ok := described[spec.Name]; !ok || !slices.Equal(got, want) {
			t.Errorf("%s is described with %v (%v), want %v", spec.Name, got, ok, want)
		}
	}
}
