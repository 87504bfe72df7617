package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dispatcherd/control"
	"dispatcherd/daemon/metrics"
	"dispatcherd/daemon/schedule"
	"dispatcherd/pgnotify"
)

// everyKey is a file with each key that the original has, and each newer one.
const everyKey = "testdata/every-key.yml"

// yamlFile writes a text as x.yml and loads it.
func yamlFile(t *testing.T, text string) (*Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

// fromYAML loads a text that must be a good one.
func fromYAML(t *testing.T, text string) *Config {
	t.Helper()
	c, err := yamlFile(t, text)
	if err != nil {
		t.Fatalf("Load(%s) = %v", text, err)
	}
	return c
}

// inFile takes the directory out of lines that begin with a path.
var directory = regexp.MustCompile(`\S*/(x\.\w+)`)

func inFile(lines string) string { return directory.ReplaceAllString(lines, "$1") }

func TestOriginalWithEveryKey(t *testing.T) {
	t.Parallel()
	got, err := Load(everyKey)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.File, want.Original, want.NodeID, want.ChunkMessageTimeout = everyKey, true, "web-1", time.Minute
	want.PgNotifyControl = control.FullAccess
	want.Pool.MinWorkers, want.Pool.MaxWorkers, want.Pool.ScaledownReserve = 2, 6, 1
	want.Pool.ScaledownWait, want.Pool.WorkerRemovalWait = 7500*time.Millisecond, 20*time.Second
	want.Pool.WorkerMaxLifetime, want.Pool.CancelGrace, want.Pool.ShutdownGrace = time.Hour, 12*time.Second, 5*time.Second
	want.Worker.Preload, want.Worker.Class = []string{"app.prefork"}, "app.worker.Worker"
	want.Worker.Kwargs = map[string]any{"task_signal_handling": true, "label": nil}
	want.Worker.IdleTimeout, want.Worker.Tasks, want.Worker.Credentials = 3*time.Second, "any", true
	want.PgNotify = pointer(pgnotify.DefaultConfig())
	want.PgNotify.Conninfo = `host=/run/postgresql dbname=app keepalives=1 application_name=jobs password='two words'`
	want.PgNotify.Channels, want.PgNotify.DefaultPublishChannel = []string{"jobs", "web-1"}, "jobs"
	want.PgNotify.MaxConnectionIdle = 10 * time.Second
	want.Socket.Path = "d.sock"
	want.Schedule.OnStart = []schedule.Task{{Task: "app.tasks.warm_up"}, {
		Task: "app.tasks.fill", Args: []any{int64(1), "x", nil}, Kwargs: map[string]any{"deep": map[string]any{"a": 1.5}},
		Timeout: 5 * time.Minute, Delay: 500 * time.Millisecond, OnDuplicate: "discard", Message: map[string]any{"guid": "g", "bind": true},
	}}
	want.Schedule.Schedule = []schedule.Recurring{
		{Every: 3 * time.Second, Task: schedule.Task{Task: `lambda: __import__("time").sleep(1)`}},
		{Every: 90 * time.Second, Task: schedule.Task{Task: "app.tasks.clean", Message: map[string]any{"args": []any{}}}},
	}
	want.Metrics = &metrics.Config{Listen: "0.0.0.0:8015"}
	if diff := cmp.Diff(want, *got, cmpopts.EquateEmpty(), exceptSettings, cmpopts.IgnoreFields(Config{}, "Notes")); diff != "" {
		t.Errorf("Load(%s) differs (-want +got):\n%s", everyKey, diff)
	}
}

func TestOriginalThatSaysNothing(t *testing.T) {
	t.Parallel()
	got := fromYAML(t, "version: 2\n")
	want := Default()
	want.File, want.Original, want.RefuseRun = got.File, true, true
	want.Worker.Tasks, want.Worker.Credentials = "any", true
	want.Pool.CancelGrace, want.Pool.ShutdownGrace = 30*time.Second, 0
	if diff := cmp.Diff(want, *got, cmpopts.EquateEmpty(), exceptSettings, cmpopts.IgnoreFields(Config{}, "Notes", "NodeID")); diff != "" {
		t.Errorf("an empty file differs (-want +got):\n%s", diff)
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if again := fromYAML(t, "version: 2\n"); !uuid.MatchString(got.NodeID) || got.NodeID == again.NodeID {
		t.Errorf("node_id is %q and then %q, want a new UUID each time", got.NodeID, again.NodeID)
	}
	if len(got.Notes) != 2 || !strings.Contains(got.Notes[1], "nothing in it brings tasks in") {
		t.Errorf("notes are %q, want one about trust and one about input", got.Notes)
	}
}
