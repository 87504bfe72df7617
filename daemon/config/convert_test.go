package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// sameConverted fails unless a YAML and the TOML that it is converted to mean the same.
func sameConverted(t interface {
	Helper()
	Fatalf(format string, args ...any)
	Errorf(format string, args ...any)
}, dir, text string,
) {
	t.Helper()
	path := filepath.Join(dir, "x.yml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatalf("%v", err)
	}
	want, err := Load(path)
	if err != nil {
		t.Fatalf("Load: %v\n%s", err, text)
	}
	toml, err := Convert(path)
	if err != nil {
		t.Fatalf("Convert: %v\n%s", err, text)
	}
	got, problems := parse("x.toml", []byte(toml))
	if len(problems) > 0 {
		t.Fatalf("the TOML does not load: %v\n%s", problems, toml)
	}
	except := []cmp.Option{
		cmpopts.EquateEmpty(), exceptSettings,
		cmpopts.IgnoreFields(Config{}, "File", "Original", "Unsafe", "Notes", "RefuseRun", "ControlBroker"), // the format's own
	}
	if !strings.Contains(text, "node_id") { // a random one
		except = append(except, cmpopts.IgnoreFields(Config{}, "NodeID", "RandomNodeID"))
	}
	if diff := cmp.Diff(want, got, except...); diff != "" {
		t.Errorf("the TOML means something else (-YAML +TOML):\n%s\n%s\n%s", diff, text, toml)
	}
}

func TestConvertedFilesMeanTheSame(t *testing.T) {
	t.Parallel()
	every, err := os.ReadFile(everyKey)
	if err != nil {
		t.Fatal(err)
	}
	without := strings.NewReplacer("[1, x, null]", "[1, x]", "    label: null\n", "").Replace(string(every))
	const socket = "version: 2\nbrokers: {socket: {socket_path: d.sock}}\n"
	const pg = "version: 2\nbrokers: {pg_notify: {channels: [a], config: "
	for _, text := range []string{
		without,
		socket,
		socket + "service: {main_kwargs: {node_id: 007}, min_workers: 1, max_workers: 9}\n",
		socket + "service: {pool_kwargs: {min_workers: 4, max_workers: 2, worker_max_lifetime_seconds: null, scaledown_wait: 0.25}}\n",
		socket + "service: {metrics_kwargs: {host: '::1'}, main_kwargs: {chunk_message_timeout_seconds: 0}}\n",
		socket + "worker: {worker_cls: app.w.W, worker_kwargs: {a: {b: [1, 2.5, {c: yes}, []]}, 'd e': \"\\\"\\\\ \\a\\t\\n\\x7f ä\", f: {}}}\n",
		socket + "producers: {ScheduledProducer: {task_schedule: {b: {schedule: 1}, a: {schedule: 0.5, args: [{x: 1}, [2]]}}}}\n",
		socket + "dispatcherd: {worker: {tasks: registered, credentials: no, pythonpath: [/a], env: {A: b}}, pool: {shutdown_grace: 1m}}\n",
		pg + "{conninfo: \"password='it\\\\'s # a \\\\\\\\ secret' host=/tmp\"}}}\n",
		pg + "{host: h, dbname: 'a b', user: '', password: \"'\\\\ =\", options: '-c x=1'}}}\n",
		pg + "{conninfo: 'postgres://me:p%20w@h:5433/db', sslmode: require}, max_connection_idle_seconds: null}}\n",
		"version: 2\nproducers: {OnStartProducer: {task_list: {'lambda: \"x\\y\"': {}, 'tab\\t': {guid: 1.0e+30}}}}\n",
	} {
		sameConverted(t, t.TempDir(), text)
	}
}

// The TOML library reads such a list without what stands before that key.
func TestConversionThatWouldLoseSomethingIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.yml")
	text := "version: 2\nproducers: {OnStartProducer: {task_list: {app: {args: [0, {'': 1}]}}}}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := Convert(path); err == nil || !strings.Contains(err.Error(), "would be read as another one from TOML") {
		t.Errorf("Convert = %q, %v, want that it cannot be", out, err)
	}
}

// values are what a file can hold in both formats.
func values() *rapid.Generator[any] {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("abc'\"\\ #:={}[]\n\t\x01\x7fä€😀")), 1, 8, -1)
	flat := rapid.OneOf(
		rapid.Int64().AsAny(), rapid.Bool().AsAny(), text.AsAny(),
		rapid.Float64Range(-1e12, 1e12).AsAny(), rapid.Float64Range(-1, 1).AsAny(),
	)
	list, table := rapid.SliceOfN(flat, 0, 3), rapid.MapOfN(text, flat, 0, 3)
	return rapid.OneOf(flat, list.AsAny(), table.AsAny(), rapid.SliceOfN(rapid.OneOf(list.AsAny(), table.AsAny()), 1, 3).AsAny())
}

func TestConvertedValuesAreTheSame(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.StringMatching(`[a-z_]{1,8}(\.[a-z]{1,4})?`)
		options := func(label string) map[string]any {
			o := rapid.MapOfN(rapid.SampledFrom([]string{"guid", "channel", "x y", "bind"}), values(), 0, 3).Draw(t, label)
			if rapid.Bool().Draw(t, label+" args") {
				o["args"] = rapid.SliceOfN(values(), 0, 3).Draw(t, label+" args")
				o["kwargs"] = rapid.MapOfN(names, values(), 0, 3).Draw(t, label+" kwargs")
				o["timeout"] = rapid.IntRange(0, 1000).Draw(t, label+" timeout")
				o["delay"] = float64(rapid.IntRange(0, 1000).Draw(t, label+" delay")) / 8
			}
			return o
		}
		onStart, scheduled := map[string]any{}, map[string]any{}
		for _, name := range rapid.SliceOfNDistinct(names, 0, 3, rapid.ID).Draw(t, "tasks") {
			onStart[name] = options(name)
			scheduled[name] = options("again " + name)
			scheduled[name].(map[string]any)["schedule"] = float64(rapid.IntRange(1, 9999).Draw(t, "schedule")) / 100
		}
		whole := map[string]any{
			"version": 2,
			"brokers": map[string]any{"socket": map[string]any{"socket_path": "d.sock"}, "pg_notify": map[string]any{
				"config":   map[string]any{"dbname": "a", "password": rapid.StringMatching(`[a-z'" \\=#]{0,8}`).Draw(t, "password")},
				"channels": rapid.SliceOfNDistinct(rapid.StringMatching(`[a-zä" -]{1,9}`), 0, 3, rapid.ID).Draw(t, "channels"),
			}},
			"producers": map[string]any{
				"OnStartProducer":   map[string]any{"task_list": onStart},
				"ScheduledProducer": map[string]any{"task_schedule": scheduled},
			},
			"service": map[string]any{"pool_kwargs": map[string]any{
				"min_workers": rapid.IntRange(0, 9).Draw(t, "min"), "max_workers": rapid.IntRange(1, 9).Draw(t, "max"),
				"worker_stop_wait": rapid.Float64Range(0, 1e6).Draw(t, "wait"),
			}},
			"worker": map[string]any{"worker_kwargs": rapid.MapOfN(names, values(), 0, 3).Draw(t, "worker")},
		}
		text, err := json.Marshal(whole) // which is YAML, and is read alike by 1.1 and 1.2
		if err != nil {
			t.Fatalf("%v", err)
		}
		sameConverted(t, dir, strings.ReplaceAll(string(text), "\x7f", `\u007f`))
	})
}
