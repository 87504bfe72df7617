package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// workshop is a directory on the workers' path with a module that a test breaks
// and mends.
func workshop(t *testing.T) (dir string, write func(text string)) {
	t.Helper()
	dir = t.TempDir()
	return dir, func(text string) {
		t.Helper()
		// All at once: an attempt may be reading it.
		if err := os.WriteFile(filepath.Join(dir, "new"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "new"), filepath.Join(dir, "workshop.py")); err != nil {
			t.Fatal(err)
		}
	}
}

// without replaces a line of the usual configuration.
func without(t *testing.T, toml, line, instead string) string {
	t.Helper()
	if !strings.Contains(toml, line) {
		t.Fatalf("%q is not in the configuration:\n%s", line, toml)
	}
	return strings.Replace(toml, line, instead, 1)
}

// crashLoop is how the log tells, once, that workers fail again and again.
const crashLoop = "workers fail again and again, which is a crash loop"

var nextTry = regexp.MustCompile(`next_try_in=(\S+)`)

// wantFailingStarts waits for two starts that fail. Each must be one line that
// says why and when the next is tried, later each time; status says why as well,
// and the daemon answers.
func (d *daemon) wantFailingStarts(why string) {
	d.t.Helper()
	var last time.Duration
	for i, line := range d.waitLogs("worker could not be started", 2) {
		match := nextTry.FindStringSubmatch(line)
		if match == nil || !strings.Contains(line, "level=ERROR") || !strings.Contains(line, why) {
			d.t.Fatalf("logged %q, want an error with %q and the time of the next try", line, why)
		}
		wait, err := time.ParseDuration(match[1])
		if err != nil || wait <= last {
			d.t.Errorf("the wait after failure %d is %s (%v), want more than %v", i+1, match[1], err, last)
		}
		last = wait
	}
	for _, line := range d.log.all("level=ERROR") {
		if !strings.Contains(line, "worker could not be started") && !strings.Contains(line, crashLoop) {
			d.t.Errorf("the failure has another line of its own: %s", line)
		}
	}
	d.connect().alive()
	pool, _ := d.ask("status")["pool"].(map[string]any)
	text, _ := pool["last_error"].(string)
	if failures, _ := pool["failures_in_a_row"].(float64); failures < 2 || !strings.Contains(text, strings.ReplaceAll(why, `\"`, `"`)) {
		d.t.Errorf("status tells %v failures and %q, want at least 2 and %q", failures, text, why)
	}
}

func TestStartThatFailsIsToldAndTriedAgainUntilItWorks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, preload, worker, broken, why, mended string }{
		{
			"a preload that raises", `["workshop"]`, "",
			`raise ValueError("not yet")`, "preload workshop: ValueError: not yet", "pass",
		},
		{
			"a preload that kills the interpreter", `["workshop"]`, "",
			"import os\nos._exit(9)", "the fork server ended before it was ready: exit code 9", "pass",
		},
		{
			"a class that is not there", `[]`, `class = "workshop.Worker"`,
			`x = 1`, "class workshop.Worker: AttributeError", "from dispatcherd.worker.task import TaskWorker as Worker",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, write := workshop(t)
			write(tt.broken)
			toml := config(t, fmt.Sprintf("%s\nenv = { PYTHONPATH = %q }", tt.worker, dir), "max_workers = 1")
			d := start(t, without(t, toml, `preload = ["app.tasks"]`, "preload = "+tt.preload))
			accepted := d.submitHeld("accepted") // while there is no worker
			d.wantFailingStarts(tt.why)
			write(tt.mended)
			waitFile(t, accepted.path, 1)
			accepted.letGo()
			accepted.wantEnd(0, "outcome: succeeded")
			if got := d.ask("status")["pool"].(map[string]any)["last_error"]; got != nil {
				t.Errorf("status still tells %q", got)
			}
		})
	}
}

func TestWorkerClassThatRaisesIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, method, why string }{
		{"its constructor", "__init__", "construct Worker: ValueError: no licence"},
		{"its on_start", "on_start", "on_start: ValueError: no licence"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir, write := workshop(t)
			marker := filepath.Join(dir, "licence")
			write(fmt.Sprintf(`
import os
from dispatcherd.worker.task import TaskWorker

class Worker(TaskWorker):
    def %s(self, *args, **kwargs):
        if not os.path.exists(%q):
            raise ValueError("no licence")
        super().%s(*args, **kwargs)
`, tt.method, marker, tt.method))
			d := start(t, config(t, fmt.Sprintf("class = \"workshop.Worker\"\nenv = { PYTHONPATH = %q }", dir), "max_workers = 1"))
			accepted := d.submitHeld("accepted")
			d.wantFailingStarts(tt.why)
			if again := d.log.all(`level=WARN msg="worker ended"`); len(again) > 0 {
				t.Errorf("the failure is told once more: %q", again)
			}
			if err := os.WriteFile(marker, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			waitFile(t, accepted.path, 1)
			accepted.letGo()
			accepted.wantEnd(0, "outcome: succeeded")
		})
	}
}

func TestPythonThatIsNotThereIsToldAndTriedAgainUntilItIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		broken func(path string) error
		why    string
	}{
		{"absent", func(string) error { return nil }, "no such file or directory"},
		{"not executable", func(path string) error { return os.WriteFile(path, []byte("#!/bin/sh\n"), 0o600) }, "permission denied"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			python := filepath.Join(t.TempDir(), "python")
			if err := tt.broken(python); err != nil {
				t.Fatal(err)
			}
			d := start(t, config(t, fmt.Sprintf("python = %q", python), "max_workers = 1"))
			accepted := d.submitHeld("accepted")
			d.wantFailingStarts(tt.why)
			mended := python + ".new"
			if err := os.WriteFile(mended, []byte("#!/bin/sh\nexec python3 \"$@\"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.Rename(mended, python); err != nil {
				t.Fatal(err)
			}
			waitFile(t, accepted.path, 1)
			accepted.letGo()
			accepted.wantEnd(0, "outcome: succeeded")
		})
	}
}
