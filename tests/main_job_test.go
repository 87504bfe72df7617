package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTaskRunsAndItsEndIsTold(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	for _, tt := range []struct {
		name string
		args []string
		code int
		want []string
	}{
		{"a result", []string{"app.tasks.add", "--arg", "2", "--arg", "3"}, 0, []string{"outcome: succeeded", "result: 5"}},
		{"keyword arguments", []string{"app.tasks.echo", "--arg", `"a"`, "--kwarg", `b=[1, null]`}, 0, []string{"outcome: succeeded"}},
		{"a class", []string{"app.tasks.Greeter", "--arg", `"Ada"`}, 0, []string{"result: hello Ada"}},
		{"a bound task", []string{"app.tasks.bound", "--uuid", "u-1"}, 0, []string{"uuid: u-1", "worker_id:"}},
		{"control from inside", []string{"app.tasks.bound", "--arg", `"alive"`}, 0, []string{"answer: {}"}},
		{"an exception", []string{"app.tasks.fail", "--arg", `"boom"`}, 1, []string{"outcome: failed", "ValueError: boom"}},
		{"a name that is no task", []string{"app.tasks.nonsense"}, 1, []string{"outcome: failed"}},
		{"a function without @task", []string{"app.tasks.unmarked"}, 1, []string{"outcome: failed", "registered"}},
		{"a timeout", []string{"app.tasks.nap", "--arg", "60", "--timeout", "0.2"}, 1, []string{"outcome: timed_out"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := d.task(tt.args[0], tt.args[1:]...)
			if a.code != tt.code {
				t.Errorf("exit code %d, want %d\n%s%s", a.code, tt.code, a.stdout, a.stderr)
			}
			for _, want := range tt.want {
				if !strings.Contains(a.stdout, want) {
					t.Errorf("no %q in:\n%s%s", want, a.stdout, a.stderr)
				}
			}
		})
	}
}

func TestOutputOfATaskIsInTheLogWithItsNames(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	d.task("app.tasks.shout", "--arg", `"one"`, "--arg", `"two words"`, "--uuid", "u-shout")
	for _, want := range []string{
		`msg=one `, `msg="two words" `, `msg="to stderr" `,
	} {
		line := d.waitLog(want)
		for _, attr := range []string{"worker=", "uuid=u-shout", "task=app.tasks.shout"} {
			if !strings.Contains(line, attr) {
				t.Errorf("%q has no %s", line, attr)
			}
		}
	}
}

func TestKeywordArgumentsAreInNoLog(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1"))
	secret := "hunter2-in-kwargs"
	path := d.file("began")
	d.ctl("run", "app.tasks.nap", "--arg", "30", "--kwarg", fmt.Sprintf("path=%q", path), "--uuid", "blocker")
	waitFile(t, path, 1)
	for _, more := range [][]string{
		{"--on-duplicate", "serial"}, {"--on-duplicate", "serial"}, {"--on-duplicate", "discard"}, {"--delay", "60"}, {},
	} {
		d.ctl(append([]string{"run", "app.tasks.fail", "--kwarg", fmt.Sprintf("text=%q", secret)}, more...)...)
	}
	d.ctl("running")
	d.ctl("cancel", "--all")
	d.task("app.tasks.fail", "--kwarg", `wrong="`+secret+`"`)
	d.stop()
	if log := d.log.String(); strings.Contains(log, secret) {
		for line := range strings.Lines(log) {
			if strings.Contains(line, secret) {
				t.Errorf("the log holds a keyword argument: %s", line)
			}
		}
	}
}

func TestRunningAndWorkersShowTheTask(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	path := d.file("nap")
	d.ctl("run", "app.tasks.nap", "--arg", "60", "--kwarg", fmt.Sprintf("path=%q", path), "--uuid", "sleeper")
	waitFile(t, path, 1)
	running := d.ctl("running", "--task", "app.tasks.nap")
	for _, want := range []string{"worker-", "uuid: sleeper", "task: app.tasks.nap", "node_id: test"} {
		if !strings.Contains(running.stdout, want) {
			t.Errorf("running has no %q:\n%s%s", want, running.stdout, running.stderr)
		}
	}
	if a := d.ctl("workers"); !strings.Contains(a.stdout, "current_task_uuid: sleeper") {
		t.Errorf("workers does not show the task:\n%s", a.stdout)
	}
	if a := d.ctl("cancel", "--uuid", "sleeper"); !strings.Contains(a.stdout, "uuid: sleeper") {
		t.Errorf("cancel does not list the task:\n%s%s", a.stdout, a.stderr)
	}
	d.waitLog("task ended")
	if lines := waitFile(t, path, 1); len(lines) != 1 {
		t.Errorf("the cancelled task went on: %q", lines)
	}
}

func TestPoolGrowsAtOnceToItsMaximum(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 5"))
	path := d.file("naps")
	for range 8 {
		d.ctl("run", "app.tasks.nap", "--arg", "60", "--kwarg", fmt.Sprintf("path=%q", path))
	}
	waitFile(t, path, 5)
	status := d.ctl("status").stdout
	for _, want := range []string{"busy: 5", "queued: 3", "running: 5"} {
		if !strings.Contains(status, want) {
			t.Errorf("status has no %q:\n%s", want, status)
		}
	}
	d.ctl("cancel", "--all")
}

func TestWorkerIsInACgroupOfItsOwnOrStatusSaysOtherwise(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	cgroup := d.task("app.tasks.whoami").stdout
	switch status := d.ctl("status").stdout; {
	case strings.Contains(status, "isolation: cgroup"):
		if !strings.Contains(cgroup, fmt.Sprintf("/dispatcherd-%d/worker-", d.pid())) {
			t.Errorf("the worker is not in a cgroup of its own:\n%s", cgroup)
		}
	case strings.Contains(status, "isolation: process group"):
		t.Log("no cgroup tree can be written to here: process groups serve")
	default:
		t.Errorf("status does not say how workers are held:\n%s", status)
	}
}

func TestScheduleAndOnStartProduceTasks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := start(t, config(t, "", "", fmt.Sprintf(`
[[on_start]]
task = "app.tasks.mark"
args = [%q]
[[schedule]]
task = "app.tasks.mark"
args = [%q]
every = "200ms"
`, filepath.Join(dir, "once"), filepath.Join(dir, "often"))))
	waitFile(t, filepath.Join(dir, "often"), 3)
	if lines := waitFile(t, filepath.Join(dir, "once"), 1); len(lines) != 1 {
		t.Errorf("on_start ran %d times, want once", len(lines))
	}
	for _, want := range []string{"scheduled-producer", "on-start-producer"} {
		if a := d.ctl("producers"); !strings.Contains(a.stdout, want) {
			t.Errorf("producers has no %s:\n%s", want, a.stdout)
		}
	}
}

func TestWorkersSeeTheirEnvironmentAndNotTheServiceManagers(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, `env = { APP_COLOUR = "blue" }`, ""), "INHERITED=yes", "NOTIFY_SOCKET=/nowhere", "CREDENTIALS_DIRECTORY=/nowhere")
	a := d.task("app.tasks.environment", "--arg", `"APP_COLOUR"`, "--arg", `"INHERITED"`, "--arg", `"NOTIFY_SOCKET"`, "--arg", `"CREDENTIALS_DIRECTORY"`)
	for _, want := range []string{"APP_COLOUR: blue", "INHERITED: 'yes'", "NOTIFY_SOCKET: null", "CREDENTIALS_DIRECTORY: null"} {
		if !strings.Contains(strings.ReplaceAll(a.stdout, `"`, "'"), want) {
			t.Errorf("no %q in:\n%s%s", want, a.stdout, a.stderr)
		}
	}
}

func TestHooksOfAWorkerClassAreCalledInOrder(t *testing.T) {
	t.Parallel()
	hooks := filepath.Join(t.TempDir(), "hooks")
	d := start(t, config(t, fmt.Sprintf("class = \"app.worker.Worker\"\nenv = { APP_HOOKS = %q }", hooks), "max_workers = 1"))
	d.task("app.tasks.nothing", "--uuid", "u-1")
	d.stop()
	text, err := os.ReadFile(hooks)
	if err != nil {
		t.Fatal(err)
	}
	if want := "on_start\npre_task u-1\npost_task\non_shutdown\n"; string(text) != want {
		t.Errorf("hooks: %q, want %q", text, want)
	}
}
