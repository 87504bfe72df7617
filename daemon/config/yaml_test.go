package config

import (
	"encoding/json"
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
	want.PgNotifyControl, want.Rights.Operators, want.Rights.CancelWithoutFilter = control.FullAccess, []string{"*"}, true
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
	want.Socket.Path, want.ControlBroker = "d.sock", "socket"
	want.Schedule.OnStart = []schedule.Task{{Task: "app.tasks.warm_up"}, {
		Task: "app.tasks.fill", Args: []any{int64(1), "x", nil}, Kwargs: map[string]any{"deep": map[string]any{"a": 1.5}},
		Timeout: 5 * time.Minute, Delay: 500 * time.Millisecond, OnDuplicate: "discard", Message: map[string]any{"guid": "g", "bind": true},
	}}
	want.Schedule.Schedule = []schedule.Recurring{
		{Every: 3 * time.Second, Task: schedule.Task{Task: `lambda: __import__("time").sleep(1)`}},
		{Every: 90 * time.Second, Task: schedule.Task{Task: "app.tasks.clean", Message: map[string]any{"args": []any{}}}},
	}
	want.Metrics = &metrics.Config{Listen: "0.0.0.0:8015"}
	if diff := cmp.Diff(want, *got, cmpopts.EquateEmpty(), exceptSettings, cmpopts.IgnoreFields(Config{}, "Unsafe", "Notes")); diff != "" {
		t.Errorf("Load(%s) differs (-want +got):\n%s", everyKey, diff)
	}
}

func TestOriginalThatSaysNothing(t *testing.T) {
	t.Parallel()
	got := fromYAML(t, "version: 2\n")
	want := Default()
	want.File, want.Original, want.RefuseRun, want.RandomNodeID = got.File, true, true, true
	want.Worker.Tasks, want.Worker.Credentials, want.Rights.CancelWithoutFilter = "any", true, true
	want.Pool.CancelGrace, want.Pool.ShutdownGrace = 30*time.Second, 0
	if diff := cmp.Diff(want, *got, cmpopts.EquateEmpty(), exceptSettings, cmpopts.IgnoreFields(Config{}, "Unsafe", "Notes", "NodeID")); diff != "" {
		t.Errorf("an empty file differs (-want +got):\n%s", diff)
	}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	if again := fromYAML(t, "version: 2\n"); !uuid.MatchString(got.NodeID) || got.NodeID == again.NodeID {
		t.Errorf("node_id is %q and then %q, want a new UUID each time", got.NodeID, again.NodeID)
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "nothing in it brings tasks in") {
		t.Errorf("notes are %q, want one about input", got.Notes)
	}
}

func TestFormatIsToldByNameAndThenByContent(t *testing.T) {
	t.Parallel()
	const toml, yaml = "# one: two\n\n  version = 2\n", "# one = two\nversion: 2\n"
	for _, tt := range []struct {
		path, text string
		want       bool
	}{
		{"x.yml", toml, true}, {"x.YAML", toml, true}, {"x.json", toml, true}, {"x.toml", yaml, false},
		{"/proc/self/fd/3", yaml, true}, {"/dev/fd/3", toml, false}, {"settings", "{\"version\": 2}", true},
		{"settings", "[worker]\n", false}, {"settings", "brokers.socket.path = 'x'\n", false}, {"settings", "'a b'=1", false},
		{"settings", "---\nversion: 2\n", true}, {"settings", "", false}, {"settings", "x: a = b\n", true},
	} {
		if got := isYAML(tt.path, []byte(tt.text)); got != tt.want {
			t.Errorf("isYAML(%q, %q) = %v, want %v", tt.path, tt.text, got, tt.want)
		}
	}
}

func TestWhatHasNoEffectIsNoted(t *testing.T) {
	t.Parallel()
	c, err := Load(everyKey)
	if err != nil {
		t.Fatal(err)
	}
	const python = "names Python code, which the daemon cannot call; it connects with config"
	const argument = "is ignored: the original has no such option, and would not start with it"
	if want := everyKey + `: this is the configuration of the Python original; worker.tasks is "any", as there: whoever can send a message can run any Python, lambda text too; ` +
		`brokers.pg_notify.control is "all", as there: whoever can NOTIFY can cancel and run tasks; ` +
		`control.operators is "*", as there: whoever can connect to the socket can cancel tasks; ` +
		`control.cancel_without_filter is true, as there: a cancel that names no task cancels every one; ` +
		`to tighten that, add the section dispatcherd: {worker: {tasks: registered}, brokers: {pg_notify: {control: read}}, control: {operators: [], cancel_without_filter: false}}, which the original ignores`; c.Unsafe != want {
		t.Errorf("unsafe is %s\nwant %s", c.Unsafe, want)
	}
	want := []string{
		":18: brokers.pg_notify.sync_connection_factory: is for publishers: it " + python,
		":19: brokers.pg_notify.async_connection_factory: is for publishers: it " + python,
		":20: brokers.pg_notify.sync_connection: is ignored: a connection that exists already can only be given in Python",
		":21: brokers.pg_notify.async_connection: is ignored: a connection that exists already can only be given in Python",
		":25: brokers.pg_notify.channels[2]: is there already",
		":28: brokers.pg_notify.max_self_check_message_age_seconds: has no effect: a connection that is checked must answer in time, and no message is sent for that",
		`:31: brokers."dispatcherd.testing.brokers.noop": brings nothing in: it is a broker for the tests of publishers`,
		`:32: brokers."dispatcherd.testing.brokers.error_only": brings nothing in: it is a broker for the tests of publishers`,
		`:34: brokers."dispatcherd.testing.brokers.memory": brings nothing in: it is a broker for the tests of publishers`,
		`:35: brokers."app.brokers.mail": is not listened to: it names Python code, which the daemon cannot load; publishers may use it`,
		`:48: producers.OnStartProducer.task_list."app.tasks.fill".uuid: has no effect: the producer sets it`,
		`:55: producers.ScheduledProducer.task_schedule."lambda: __import__(\"time\").sleep(1)".on_duplicate: is none of parallel, serial, discard and queue_one; it is treated as parallel, as the original treats it`,
		":65: service.pool_kwargs.scaledown_interval: has no effect: workers are looked after when something happens, not every so often",
		":70: service.pool_kwargs.results_read_timeout: has no effect: results are read when they come",
		":78: service.process_manager_cls: has no effect: workers are always forked from a server that has loaded the preload modules",
		":82: service.min_workers: is ignored: service.pool_kwargs.min_workers says it",
		":83: service.task_settings: is ignored, as the original ignores it: a timeout is given with @task or in the message, and nothing is tried again",
		":94: logging: is ignored, as the original ignores it: the log goes to standard error, and --log-level sets its level",
	}
	for i := range want {
		want[i] = everyKey + want[i]
	}
	if diff := cmp.Diff(want, c.Notes); diff != "" {
		t.Errorf("notes of %s differ (-want +got):\n%s", everyKey, diff)
	}

	for text, want := range map[string]string{
		"service: {min_workers: 3, max_workers: 5}":                                                      "service.max_workers: is taken, although the original ignores it here: its place is service.pool_kwargs.max_workers",
		"service: {pool_kwargs: {workers: 3}}":                                                           "service.pool_kwargs.workers: " + argument,
		"service: {main_kwargs: {name: a}}":                                                              "service.main_kwargs.name: " + argument,
		"service: {main_kwargs: {node_id: 5}}":                                                           "service.main_kwargs.node_id: is taken as a text",
		"service: {metrics_kwargs: {path: /}}":                                                           "service.metrics_kwargs.path: " + argument,
		"service: {process_manager_kwargs: {a: 1}}":                                                      "service.process_manager_kwargs.a: " + argument,
		"service: {retries: 1}":                                                                          "service.retries: is ignored: it is no option of the original, which ignores it too",
		"service: {pool_kwargs: {worker_max_lifetime_seconds: 0}}":                                       "service.pool_kwargs.worker_max_lifetime_seconds: means for ever: with 0 the original would replace its workers without end",
		"service: {pool_kwargs: {min_workers: 4, max_workers: 2}}":                                       "service.pool_kwargs.max_workers: is below min_workers; there are 4 workers, as with the original",
		"service: {process_manager_cls: ProcessManager, process_manager_kwargs: {preload_modules: [a]}}": "service.process_manager_cls: has no effect: workers are always forked from a server that has loaded the preload modules",
		"brokers: {socket: {socket_path: d, mode: 5}}":                                                   "brokers.socket.mode: " + argument,
		"brokers: {pg_notify: {config: {dbname: a}, timeout: 5}}":                                        "brokers.pg_notify.timeout: " + argument,
		"producers: {ControlProducer: {a: 1}}":                                                           "producers.ControlProducer.a: " + argument,
		"producers: {OnStartProducer: {task_list: {}, x: 1}}":                                            "producers.OnStartProducer.x: " + argument,
		"publish: {default_broker: kafka}":                                                               "publish.default_broker: names no broker of this file, so that publishers fail",
		"publish: {channel: a}":                                                                          "publish.channel: is ignored: it is no option of the original, which ignores it too",
		"worker: {python: /usr/bin/python3}":                                                             "worker.python: is ignored: it is no option of the original, which ignores it too",
		"pool: {max_workers: 4}":                                                                         "pool: is ignored, as the original ignores it: the place of the pool's options is service.pool_kwargs",
		"x-mine: {a: 2026-01-02}":                                                                        "x-mine: is ignored: it is no section of the original, which ignores it too",
	} {
		c := fromYAML(t, "version: 2\n"+text+"\n")
		if got := inFile(c.Notes[len(c.Notes)-1]); got != "x.yml:2: "+want {
			t.Errorf("%s: the last note is %q, want %q", text, got, want)
		}
	}
}

func TestNotesAreBounded(t *testing.T) {
	t.Parallel()
	text := "version: 2\n"
	for i := range 5000 {
		text += "key" + string(rune('a'+i%26)) + strings.Repeat("x", i/26) + ": 1\n"
	}
	c := fromYAML(t, text)
	if last := c.Notes[len(c.Notes)-1]; len(c.Notes) != 102 || !strings.HasSuffix(last, ": and 4900 notes more") {
		t.Errorf("there are %d notes, and the last one is %q", len(c.Notes), last)
	}
}

func TestValuesThatMeanSomethingElse(t *testing.T) {
	t.Parallel()
	for text, check := range map[string]func(c *Config) bool{
		"service: {min_workers: 3, max_workers: 5}":                                                                                func(c *Config) bool { return c.Pool.MinWorkers == 3 && c.Pool.MaxWorkers == 5 },
		"service: {min_workers: 3, pool_kwargs: {min_workers: 2}}":                                                                 func(c *Config) bool { return c.Pool.MinWorkers == 2 },
		"service: {pool_kwargs: {min_workers: 4, max_workers: 2}}":                                                                 func(c *Config) bool { return c.Pool.MinWorkers == 4 && c.Pool.MaxWorkers == 4 },
		"service: {pool_kwargs: {max_workers: 0}}":                                                                                 func(c *Config) bool { return c.Pool.MaxWorkers == 1 },
		"service: {pool_kwargs: {max_workers: null}}":                                                                              func(c *Config) bool { return c.Pool.MaxWorkers == Default().Pool.MaxWorkers },
		"service: {pool_kwargs: {worker_max_lifetime_seconds: null}}":                                                              func(c *Config) bool { return c.Pool.WorkerMaxLifetime == 0 },
		"service: {pool_kwargs: {shutdown_task_grace_period: null}}":                                                               func(c *Config) bool { return c.Pool.ShutdownGrace == 0 },
		"service: {pool_kwargs: {shutdown_task_grace_period: 2.5}}":                                                                func(c *Config) bool { return c.Pool.ShutdownGrace == 2500*time.Millisecond },
		"service: {main_kwargs: {chunk_message_timeout_seconds: -5}}":                                                              func(c *Config) bool { return c.ChunkMessageTimeout == 0 },
		"service: {main_kwargs: {node_id: 12}}":                                                                                    func(c *Config) bool { return c.NodeID == "12" },
		"service: {main_kwargs: null, metrics_kwargs: null}":                                                                       func(c *Config) bool { return c.Metrics == nil && len(c.NodeID) == 36 },
		"service: {metrics_kwargs: {}}":                                                                                            func(c *Config) bool { return c.Metrics.Listen == "localhost:8070" },
		"service: {metrics_kwargs: {host: '', port: 9}}":                                                                           func(c *Config) bool { return c.Metrics.Listen == ":9" },
		"service: {metrics_kwargs: {host: '::1'}}":                                                                                 func(c *Config) bool { return c.Metrics.Listen == "[::1]:8070" },
		"worker: {worker_cls: dispatcherd.worker.task.TaskWorker}":                                                                 func(c *Config) bool { return c.Worker.Class == "" },
		"worker: {worker_kwargs: {idle_timeout: null}}":                                                                            func(c *Config) bool { return c.Worker.IdleTimeout == 0 },
		"brokers: {pg_notify: {config: {dbname: a}}}":                                                                              func(c *Config) bool { return c.PgNotify.MaxConnectionIdle == 30*time.Second },
		"brokers: {pg_notify: {config: {dbname: a}, max_connection_idle_seconds: null, max_self_check_message_age_seconds: null}}": func(c *Config) bool { return c.PgNotify.MaxConnectionIdle == 0 },
		"brokers: {pg_notify: {config: {conninfo: 'postgres://me:pw@h/db', port: 5433}}}":                                          func(c *Config) bool { return c.PgNotify.Conninfo == "postgres://me:pw@h/db?port=5433" },
		"brokers: {pg_notify: {config: {conninfo: ''}}}":                                                                           func(c *Config) bool { return c.PgNotify.Conninfo == "" },
		"brokers: {}\nversion_: 2.0":                                                                                               func(c *Config) bool { return c.Version == 2 && c.PgNotify == nil && c.Socket.Path == "" },
		"producers: {ControlProducer: null}":                                                                                       func(c *Config) bool { return !c.RefuseRun },
		"producers: {}":                                                                                                            func(c *Config) bool { return c.RefuseRun },
		"producers: {OnStartProducer: {task_list: {a: {timeout: true}}}}":                                                          func(c *Config) bool { return c.Schedule.OnStart[0].Timeout == time.Second },
		"producers: {OnStartProducer: {task_list: {a: {timeout: null, delay: -3, kwargs: {}}}}}": func(c *Config) bool {
			task := c.Schedule.OnStart[0]
			return task.Timeout == 0 && task.Delay == 0 && len(task.Message) == 1 && task.Message["kwargs"] != nil
		},
		"x: &a {socket_path: one}\nbrokers: {socket: {<<: *a}}":                   func(c *Config) bool { return c.Socket.Path == "one" },
		"x: &a {socket_path: one}\nbrokers: {socket: {socket_path: two, <<: *a}}": func(c *Config) bool { return c.Socket.Path == "two" },
		"x: &a {socket_path: one}\ny: &b {socket_path: three}\nbrokers: {socket: {<<: [*b, *a]}}": func(c *Config) bool {
			return c.Socket.Path == "three"
		},
		"x: &a [one, two]\nbrokers: {pg_notify: {config: {dbname: a}, channels: *a}}": func(c *Config) bool { return len(c.PgNotify.Channels) == 2 },
	} {
		if c := fromYAML(t, "version: 2\n"+text+"\n"); !check(c) {
			t.Errorf("%s: Load = %+v", text, c)
		}
	}
	if c := fromYAML(t, "version: 2.0\n"); c.Version != 2 {
		t.Errorf("version 2.0 is %d", c.Version)
	}
}

func TestOwnSectionHasTheLastWord(t *testing.T) {
	t.Parallel()
	c := fromYAML(t, `version: 2
brokers:
  pg_notify: {config: {dbname: app, password: hunter2}, channels: [jobs]}
service: {pool_kwargs: {min_workers: 2, max_workers: 3}}
producers: {OnStartProducer: {task_list: {app.a: {}}}}
dispatcherd:
  node_id: web-1
  pool: {max_workers: 8, cancel_grace: 1m}
  worker: {python: /srv/venv/bin/python, tasks: registered, credentials: no, env: {A: b}}
  brokers: {pg_notify: {control: read}, socket: {path: d.sock}}
  control: {operators: ["@ops"], cancel_without_filter: no}
  on_start: [{task: app.b, kwargs: {x: 1}}]
`)
	want := Default()
	want.File, want.Original, want.RefuseRun, want.NodeID = c.File, true, true, "web-1"
	want.Pool.MinWorkers, want.Pool.MaxWorkers, want.Pool.CancelGrace, want.Pool.ShutdownGrace = 2, 8, time.Minute, 0
	want.Worker.Python, want.Worker.Env = "/srv/venv/bin/python", map[string]string{"A": "b"}
	want.PgNotify = pointer(pgnotify.DefaultConfig())
	want.PgNotify.Conninfo, want.PgNotify.Channels = "dbname=app password=hunter2", []string{"jobs"}
	want.Socket.Path, want.ControlBroker = "d.sock", "pg_notify"
	want.Rights.Operators = []string{"@ops"}
	want.Schedule.OnStart = []schedule.Task{{Task: "app.b", Kwargs: map[string]any{"x": int64(1)}}}
	if diff := cmp.Diff(want, *c, cmpopts.EquateEmpty(), exceptSettings, cmpopts.IgnoreFields(Config{}, "Unsafe", "Notes")); diff != "" {
		t.Errorf("Load differs (-want +got):\n%s", diff)
	}
	if strings.Contains(string(c.Worker.Settings), "hunter2") {
		t.Errorf("settings %s have the password, although worker.credentials is false", c.Worker.Settings)
	}
	if got := inFile(strings.Join(c.Notes, "\n")); got != "x.yml: this is the configuration of the Python original" {
		t.Errorf("notes are %q, want only the format", got)
	}
	if c.Unsafe != "" {
		t.Errorf("unsafe is %q, although nothing is open", c.Unsafe)
	}
}

// inJSON compares two JSON texts by their values.
func inJSON(t *testing.T, got json.RawMessage, want string) {
	t.Helper()
	var g, w any
	if err := json.Unmarshal(got, &g); err != nil {
		t.Fatalf("%s: %v", got, err)
	}
	if err := json.Unmarshal([]byte(want), &w); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if diff := cmp.Diff(w, g); diff != "" {
		t.Errorf("settings differ (-want +got):\n%s", diff)
	}
}

func TestWorkersGetTheSectionsOfTheOriginal(t *testing.T) {
	t.Parallel()
	c := fromYAML(t, `version: 2
logging: {a: 2026-01-02}
brokers:
  pg_notify: {config: {conninfo: password=hunter2, password: hunter3, port: 5432}, sync_connection_factory: a.b}
service: {main_kwargs: {node_id: n}}
worker: {worker_kwargs: {ratio: 2.0, big: 9007199254740993, "text": "ä\u2028<", none: null}}
`)
	const brokers = `{"pg_notify":{"config":{"conninfo":"password=hunter2","password":"hunter3","port":5432},"sync_connection_factory":"a.b"}}`
	want := `{"version":2,"brokers":` + brokers + `,"producers":{},"service":{"main_kwargs":{"node_id":"n"},"pool_kwargs":{}},"publish":{},` +
		`"worker":{"worker_kwargs":{"ratio":2.0,"big":9007199254740993,"text":"ä\u2028<","none":null}}}`
	if got := string(c.Worker.Settings); got != want {
		t.Errorf("settings are\n%s\nwant\n%s", got, want)
	}
	c = fromYAML(t, "version: 2\nbrokers: "+brokers+"\ndispatcherd: {worker: {credentials: no}}\n")
	inJSON(t, c.Worker.Settings, `{"version":2,"brokers":{"pg_notify":{"config":{"conninfo":"","port":5432},"sync_connection_factory":"a.b"}},
		"producers":{},"service":{"pool_kwargs":{}},"publish":{},"worker":{}}`)
}

func TestWorkersGetSettingsFromTOML(t *testing.T) {
	t.Parallel()
	const text = `version = 2
node_id = "n"
[pool]
min_workers = 2
max_workers = 3
[worker]
class = "app.w.W"
kwargs = { a = 1 }
idle_timeout = "1500ms"
%s[brokers.socket]
path = "/run/d.sock"
[brokers.pg_notify]
conninfo = "host=x password=hunter2"
channels = ["jobs"]
default_publish_channel = "jobs"
`
	for _, tt := range []struct{ key, conninfo string }{
		{"", "host=x"}, {"credentials = false\n", "host=x"}, {"credentials = true\n", "host=x password=hunter2"},
	} {
		c, problems := parse("x.toml", []byte(strings.ReplaceAll(text, "%s", tt.key)))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		inJSON(t, c.Worker.Settings, `{"version":2,
			"brokers":{"pg_notify":{"config":{"conninfo":"`+tt.conninfo+`"},"channels":["jobs"],"default_publish_channel":"jobs"},"socket":{"socket_path":"/run/d.sock"}},
			"producers":{},"publish":{"default_broker":"pg_notify","default_control_broker":"socket"},
			"service":{"pool_kwargs":{"min_workers":2,"max_workers":3},"main_kwargs":{"node_id":"n"}},
			"worker":{"worker_cls":"app.w.W","worker_kwargs":{"a":1,"idle_timeout":1.5}}}`)
	}
	c, problems := parse("x.toml", []byte("version = 2\nnode_id = \"n\"\n[pool]\nmax_workers = 1\n[brokers.socket]\npath = \"d.sock\"\n"))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	inJSON(t, c.Worker.Settings, `{"version":2,"brokers":{"socket":{"socket_path":"`+filepath.Join(here, "d.sock")+`"}},"producers":{},
		"publish":{"default_control_broker":"socket"},"service":{"pool_kwargs":{"min_workers":1,"max_workers":1},"main_kwargs":{"node_id":"n"}},"worker":{}}`)
}

func TestWorkerKwargsMustBeJSON(t *testing.T) {
	t.Parallel()
	got := problemsOf(t, "version = 2\n"+socket+"[worker]\nkwargs = { a = nan }\ncredentials = 1\n")
	want := []string{"x.toml:5: worker.kwargs: must be made of what JSON has", "x.toml:6: worker.credentials: must be true or false, got 1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}
