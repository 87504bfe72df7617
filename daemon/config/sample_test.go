package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"dispatcherd/cgroups"
	"dispatcherd/control"
	"dispatcherd/daemon/metrics"
	"dispatcherd/daemon/policy"
	"dispatcherd/daemon/schedule"
	"dispatcherd/pgnotify"
	"dispatcherd/workers/process"
)

const sampleFile = "../../packaging/systemd/dispatcherd.toml"

// everything is the sample with all that is commented out taken in.
func everything(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`(?m)^#(\S)`).ReplaceAll(text, []byte("$1"))
}

func TestSampleEqualsTheDefaults(t *testing.T) {
	t.Parallel()
	got, err := Load(sampleFile)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.File = sampleFile
	want.Socket = control.Config{Path: "/run/dispatcherd/dispatcherd.sock"} // the exception that it names
	want.ControlBroker = "socket"
	if diff := cmp.Diff(want, *got, cmpopts.EquateEmpty(), exceptSettings); diff != "" {
		t.Errorf("Load(%s) differs from the defaults (-want +got):\n%s", sampleFile, diff)
	}
}

func TestSampleLoadsWithEverythingInIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "all.toml")
	if err := os.WriteFile(path, everything(t), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.File, want.NodeID, want.Pool.MaxWorkers = path, "web-1", 4
	want.Worker.PythonPath = []string{"/srv/app"}
	want.Worker.WorkingDirectory = "/srv/app"
	want.Worker.Preload = []string{"app.tasks"}
	want.Worker.Class = "app.worker.Worker"
	want.Worker.Kwargs = map[string]any{"retries": int64(3)}
	want.Worker.Env = map[string]string{"DJANGO_SETTINGS_MODULE": "app.settings"}
	want.Worker.TasksAllow = []string{"app.*"}
	want.PgNotify = pointer(pgnotify.DefaultConfig())
	want.PgNotify.Conninfo = "host=/run/postgresql dbname=app"
	want.PgNotify.Passfile = "credential:pg"
	want.PgNotify.Channels = []string{"app_tasks"}
	want.PgNotify.DefaultPublishChannel = "app_tasks"
	want.Socket.Path = "/run/dispatcherd/dispatcherd.sock"
	want.ControlBroker = "socket"
	want.Rights = control.DefaultRights()
	want.Schedule.OnStart = []schedule.Task{{
		Task: "app.tasks.warm_up", Args: []any{"everything", int64(3)}, Kwargs: map[string]any{"verbose": true},
		Timeout: 5 * time.Minute, Delay: 10 * time.Second, OnDuplicate: "parallel",
		Message: map[string]any{"guid": "warm-up"},
	}}
	want.Schedule.Schedule = []schedule.Recurring{{Every: 30 * time.Second, Task: schedule.Task{
		Task: "app.tasks.cleanup", Kwargs: map[string]any{"older_than_days": int64(30)},
		Timeout: 5 * time.Minute, OnDuplicate: "discard",
	}}}
	want.Metrics = pointer(metrics.DefaultConfig())
	want.Supervisor.Socket = "/run/dispatcherd/supervisor.sock"
	want.Policy = policy.Config{
		Limits: limitsOf(t, `{"memory_high": "400M", "memory_max": "512M", "swap_max": "0", "cpu_quota": "150%", "cpu_weight": 100, "io_weight": 100, "tasks_max": 64}`),
		Tasks: []policy.Task{{
			Match: "reports.*", Timeout: 10 * time.Minute, MaxConcurrency: 2,
			Limits: limitsOf(t, `{"memory_high": "1500M", "memory_max": "2G", "swap_max": "10%", "cpu_quota": "50%", "cpu_weight": 50, "io_weight": 50, "tasks_max": "10%"}`),
		}},
	}
	if diff := cmp.Diff(want, *got, cmpopts.EquateEmpty(), exceptSettings); diff != "" {
		t.Errorf("the whole sample differs (-want +got):\n%s", diff)
	}
}

func TestSampleHasEveryKey(t *testing.T) {
	t.Parallel()
	at := scan(string(everything(t)))
	var got []string
	for key := range at.lines {
		got = append(got, elementNumber.ReplaceAllString(key, "[]"))
	}
	for _, key := range allKeys() {
		if !slices.Contains(got, key) {
			t.Errorf("%s does not explain %s", sampleFile, key)
		}
	}
}

// exceptSettings leaves out what is made of all the rest, and lets limits be compared.
var exceptSettings = cmp.Options{
	cmpopts.IgnoreFields(process.Config{}, "Settings"), cmpopts.IgnoreFields(Config{}, "Roomy"), cmpopts.EquateComparable(cgroups.Limits{}, cgroups.Size{}),
}

func limitsOf(t *testing.T, text string) cgroups.Limits {
	t.Helper()
	l, err := cgroups.ParseLimits([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func pointer[T any](v T) *T { return &v }
