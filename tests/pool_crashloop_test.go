package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wantCrashLoop waits until the log tells a crash loop with its reason; status, its
// table and the log must tell it, the log once.
func (d *daemon) wantCrashLoop(why string) {
	d.t.Helper()
	if line := d.waitLog(crashLoop); !strings.Contains(line, "level=ERROR") || !strings.Contains(line, why) {
		d.t.Errorf("logged %q, want an error with %q", line, why)
	}
	pool, _ := d.ask("status")["pool"].(map[string]any)
	if n, _ := pool["failures_in_a_row"].(float64); n < 3 {
		d.t.Errorf("status tells %v failures, want 3 at least", n)
	}
	if text, _ := pool["last_error"].(string); pool["crash_loop"] != true || !strings.Contains(text, why) {
		d.t.Errorf("status tells %v, want a crash loop and %q", pool, why)
	}
	table := d.ctl("status", "--output", "table").stdout
	if !strings.Contains(table, "CRASH LOOP, WORKERS FAIL AGAIN AND AGAIN (") || !strings.Contains(table, why) {
		d.t.Errorf("the table does not tell the crash loop and %q:\n%s", why, table)
	}
	failed := 0
	for _, w := range d.endedWorkers() {
		if text, _ := w["exit"].(string); w["status"] == "error" && strings.Contains(text, why) {
			failed++
		}
	}
	if failed < 3 {
		d.t.Errorf("%d workers are listed that failed with %q, want 3 at least", failed, why)
	}
}

// wantLoopOver has one worker run two tasks, after which the crash loop must be over.
func (d *daemon) wantLoopOver() {
	d.t.Helper()
	d.waitIdle(1)
	d.wantWork()
	d.wantWork()
	d.waitLog("the crash loop is over")
	pool, _ := d.ask("status")["pool"].(map[string]any)
	if pool["crash_loop"] != false || pool["last_error"] != nil {
		d.t.Errorf("status tells %v, want no crash loop", pool)
	}
	if n := d.log.count(crashLoop); n != 1 {
		d.t.Errorf("the crash loop is told %d times, want once", n)
	}
}

// brokenClass configures a worker class whose hook raises until the file is there.
func brokenClass(t *testing.T, hook, more string) (toml, marker string) {
	t.Helper()
	dir, write := workshop(t)
	marker = filepath.Join(dir, "licence")
	write(fmt.Sprintf(`
import os
from dispatcherd.worker.task import TaskWorker

class Worker(TaskWorker):
    def %s(self, *args, **kwargs):
        if not os.path.exists(%q):
            raise ValueError("no licence")
`, hook, marker))
	return config(t, fmt.Sprintf("class = \"workshop.Worker\"\nenv = { PYTHONPATH = %q }\n%s", dir, more), "max_workers = 1"), marker
}

func TestWorkerClassThatFailsAgainAndAgainIsToldAsACrashLoop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ hook, more string }{
		{"on_start", ""},
		{"on_idle", `idle_timeout = "50ms"`},
	} {
		t.Run(tt.hook, func(t *testing.T) {
			t.Parallel()
			toml, marker := brokenClass(t, tt.hook, tt.more)
			d := start(t, toml)
			d.wantCrashLoop(tt.hook + ": ValueError: no licence")
			if err := os.WriteFile(marker, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			d.wantLoopOver()
		})
	}
}

func TestPostTaskThatFailsAgainAndAgainIsToldAsACrashLoop(t *testing.T) {
	t.Parallel()
	toml, marker := brokenClass(t, "post_task", "")
	d := start(t, toml)
	for range 4 { // the first is an accident; then it takes three in a row
		d.wantWork() // the task itself succeeds
	}
	d.wantCrashLoop("post_task: ValueError: no licence")
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d.wantLoopOver()
}

func TestPreloadThatFailsAgainAndAgainIsToldAsACrashLoop(t *testing.T) {
	t.Parallel()
	dir, write := workshop(t)
	write(`raise ValueError("not yet")`)
	toml := config(t, fmt.Sprintf("env = { PYTHONPATH = %q }", dir), "max_workers = 1")
	d := start(t, without(t, toml, `preload = ["app.tasks"]`, `preload = ["workshop"]`))
	line := d.waitLog(crashLoop)
	if !strings.Contains(line, "preload workshop: ValueError: not yet") {
		t.Errorf("logged %q, want the reason", line)
	}
	write("pass")
	d.wantLoopOver()
}
