package tests

import (
	"fmt"
	"strings"
	"testing"
)

// wantOutcome runs a task to its end, of which dispatcherctl and the log must
// tell the same, and then a task that must run as if nothing had been. detail is
// a part of what dispatcherctl prints, and, unless the task succeeds, of the log.
func (d *daemon) wantOutcome(t *testing.T, outcome, detail, task string, args ...string) {
	t.Helper()
	uuid := newUUID(t, outcome)
	a := d.task(task, append([]string{"--uuid", uuid}, args...)...)
	code := 1
	if outcome == "succeeded" {
		code = 0
	}
	if a.code != code || !strings.Contains(a.stdout, "outcome: "+outcome+"\n") || !strings.Contains(a.stdout, detail) {
		t.Errorf("ended with exit code %d and\n%s%swant %q and %q", a.code, a.stdout, a.stderr, outcome, detail)
	}
	line := d.waitLog(`msg="task ended" part=dispatcher worker=` + d.workerOf(a) + ` uuid=` + uuid)
	if !strings.Contains(strings.ReplaceAll(line, `"`, ""), "outcome="+outcome+" ") || code != 0 && !strings.Contains(line, detail) {
		t.Errorf("the log has %q, want %q and %q", line, outcome, detail)
	}
	if a := d.task("app.tasks.add", "--arg", "2", "--arg", "3"); !strings.Contains(a.stdout, "result: 5") {
		t.Errorf("the task after it ended with\n%s%s", a.stdout, a.stderr)
	}
}

// newUUID names a task for its test and outcome.
func newUUID(t *testing.T, outcome string) string {
	return strings.NewReplacer("/", "-", " ", "-").Replace(t.Name() + "-" + outcome)
}

// workerOf is the number of the worker that an answer of --wait names.
func (d *daemon) workerOf(a answer) string {
	d.t.Helper()
	_, rest, ok := strings.Cut(a.stdout, "worker: ")
	if !ok {
		d.t.Fatalf("no worker is named in\n%s%s", a.stdout, a.stderr)
	}
	number, _, _ := strings.Cut(rest, "\n")
	return number
}

func TestTaskWhoseWorkerDiesIsToldWithTheWayItDied(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1", withMetrics))
	told := map[string]float64{}
	for _, tt := range []struct {
		name, outcome, detail, task string
		args                        []string
	}{
		{"exit 1", "exited", "exit code 1", "app.tasks.leave", []string{"--arg", "1"}},
		{"exit 0", "exited", "exit code 0", "app.tasks.leave", []string{"--arg", "0"}},
		{"exit 70", "exited", "exit code 70", "app.tasks.leave", []string{"--arg", "70"}},
		{"segfault", "crashed", "killed by SIGSEGV", "app.tasks.segfault", nil},
		{"abort", "crashed", "killed by SIGABRT", "app.bad.signal_itself", []string{"--arg", "6"}},
		{"kill", "killed", "killed by SIGKILL", "app.bad.signal_itself", []string{"--arg", "9"}},
		{"terminate", "killed", "killed by SIGTERM", "app.bad.signal_itself", []string{"--arg", "15"}},
		{"every descriptor closed", "exited", "exit code 70", "app.bad.close_everything", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.wantOutcome(t, tt.outcome, tt.detail, tt.task, tt.args...)
			told[tt.outcome]++
			if got := d.metrics()[metricEnded(tt.outcome)]; got != told[tt.outcome] {
				t.Errorf("%s is %v, want %v", metricEnded(tt.outcome), got, told[tt.outcome])
			}
		})
	}
}

func TestTaskThatRaisesAnythingFailsWithIt(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 1", withMetrics))
	for n, tt := range []struct {
		name, detail, task string
		args               []string
	}{
		{"SystemExit", "SystemExit: 3", "app.tasks.system_exit", nil},
		{"KeyboardInterrupt", "KeyboardInterrupt: stop", "app.bad.raise_name", []string{"--arg", `"KeyboardInterrupt"`, "--arg", `"stop"`}},
		{"GeneratorExit", "GeneratorExit: x", "app.bad.raise_name", []string{"--arg", `"GeneratorExit"`, "--arg", `"x"`}},
		{"MemoryError", "MemoryError: none", "app.bad.raise_name", []string{"--arg", `"MemoryError"`, "--arg", `"none"`}},
		{"BrokenPipeError", "BrokenPipeError: x", "app.bad.raise_name", []string{"--arg", `"BrokenPipeError"`, "--arg", `"x"`}},
		{"recursion without end", "RecursionError: maximum recursion depth exceeded", "app.bad.recurse", nil},
		{"an exception without a text", "Silent: (its text cannot be read)", "app.bad.raise_silent", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d.wantOutcome(t, "failed", tt.detail, tt.task, tt.args...)
			if got := d.metrics()[metricFailed]; got != float64(n+1) {
				t.Errorf("%s is %v, want %d", metricFailed, got, n+1)
			}
		})
	}
	for _, outcome := range []string{"exited", "killed", "crashed", "lost"} {
		if got := d.metrics()[metricEnded(outcome)]; got != 0 {
			t.Errorf("%s is %v, want 0", metricEnded(outcome), got)
		}
	}
}

func TestHugeErrorIsToldInOneBoundedLine(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	c := d.connect()
	c.send(fmt.Sprintf(`{"control": "run", "wait": true, "reply_to": "me", "control_data": {"task": "app.tasks.fail", "args": ["first line\nsecond %s"]}}`,
		strings.Repeat("x", 900_000)))
	c.expect(`"ack"`)
	ended := c.reply()
	if !strings.Contains(ended, `"detail": "ValueError: first line second xxx`) || len(ended) > 2000 {
		t.Errorf("the end is told in %d bytes: %.300s", len(ended), ended)
	}
	if line := d.waitLog("outcome=failed"); !strings.Contains(line, "ValueError: first line second xxx") || len(line) > 2000 {
		t.Errorf("the end is logged in %d bytes: %.300s", len(line), line)
	}
	// The traceback is a record of the task, which loses its middle where it is so long.
	raised := d.log.all("logger=dispatcherd.worker.task")
	if len(raised) != 1 || len(raised[0]) > 40_000 || !strings.Contains(raised[0], "the task raised ValueError: first line second xxx") ||
		!strings.Contains(raised[0], "characters are left out") {
		t.Errorf("the traceback is logged in %d lines: %.300s", len(raised), raised)
	}
}

func TestFailureOfATaskTellsNoSecretOfItsArguments(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", ""))
	const secret = "hunter2-in-kwargs"
	for _, args := range [][]string{
		{"app.bad.fail_with", "--kwarg", `password="` + secret + `"`, "--kwarg", `token="` + secret + `"`},
		{"app.bad.fail_with", "--kwarg", `password="` + secret + `"`},
		{"app.bad.fail_with", "--kwarg", `unknown="` + secret + `"`},
		{"app.tasks.add", "--kwarg", `a="` + secret + `"`, "--kwarg", "b=1"},
		{"app.tasks.leave", "--kwarg", `code="` + secret + `"`},
		{"app.tasks.nonsense", "--kwarg", `x="` + secret + `"`},
	} {
		if a := d.task(args[0], args[1:]...); !strings.Contains(a.stdout, "outcome: failed") || strings.Contains(a.stdout, secret) {
			t.Errorf("%q ended with\n%s%s", args, a.stdout, a.stderr)
		}
	}
	d.stop()
	for _, line := range d.log.all(secret) {
		t.Errorf("the log tells the secret: %s", line)
	}
}
