package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// readmeExample is the example that the original's README has, from an earlier format: a
// comma is missing in it.
const readmeExample = `{
    "producers": {
        "brokers": {
            "pg_notify": {
                "conninfo": "dbname=postgres user=postgres"
                "channels": [
                    "test_channel",
                ],
            },
        },
    },
    "pool": {"max_workers": 4},
}
`

const noMapping = "x.yml:1: must be a mapping that begins with version: 2"

func TestProblemsOfYAMLAreNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"tabs", "version: 2\nbrokers:\n\tsocket:\n\t\tsocket_path: x\n", []string{"x.yml:3: must be indented with blanks, got a tab"}},
		{"tabs behind blanks", "version: 2\nbrokers:\n  socket:\n  \tsocket_path: x\n", []string{"x.yml:4: must be indented with blanks, got a tab"}},
		{"a section twice", "version: 2\nbrokers: {}\n\nbrokers: {}\n", []string{"x.yml:4: brokers: must be given once, and is there in line 2"}},
		{"a key twice", "version: 2\nbrokers:\n  socket:\n    socket_path: a\n    socket_path: b\n", []string{
			"x.yml:5: brokers.socket.socket_path: must be given once, and is there in line 4",
		}},
		{"another version", "version: 3\n", []string{"x.yml:1: version: must be 2, the only version of the original's configuration that is read, got 3"}},
		{"a version of another type", "version: \"2\"\n", []string{`x.yml:1: version: must be 2, the only version of the original's configuration that is read, got "2"`}},
		{"no version", "brokers: {}\n", []string{"x.yml: version: must be given, as version: 2"}},
		{"a list", "- a\n", []string{noMapping + ", got a list"}},
		{"a word", "hello\n", []string{noMapping + ", got a string"}},
		{"nothing", "# nothing\n", []string{"x.yml: must be a mapping that begins with version: 2, got nothing"}},
		{"null", "---\n...\n", []string{"x.yml:2: must be a mapping that begins with version: 2, got null"}},
		{"TOML", "version = 2\n[brokers.socket]\npath = 'x'\n", []string{noMapping + "; this looks like TOML, whose place is a file named *.toml, got a string"}},
		{"two documents", "version: 2\n---\nversion: 2\n", []string{"x.yml:2: must be one document, got another one behind ---"}},
		{"null sections", "version: 2\nbrokers:\nproducers:\nservice:\nworker:\npublish:\n", []string{
			"x.yml:2: brokers: must be a mapping, or be left out, got null",
			"x.yml:3: producers: must be a mapping, or be left out, got null",
			"x.yml:4: service: must be a mapping, or be left out, got null",
			"x.yml:5: worker: must be a mapping, or be left out, got null",
			"x.yml:6: publish: must be a mapping, or be left out, got null",
		}},
		{"null below", "version: 2\nservice:\n  pool_kwargs:\n  main_kwargs:\n  metrics_kwargs:\n  process_manager_kwargs:\nbrokers:\n  socket:\n  pg_notify:\nworker:\n  worker_kwargs:\n", []string{
			"x.yml:3: service.pool_kwargs: must be a mapping, or be left out, got null",
			"x.yml:6: service.process_manager_kwargs: must be a mapping, or be left out, got null",
			"x.yml:8: brokers.socket: must be a mapping with the broker's options, {} where it has none, got null",
			"x.yml:9: brokers.pg_notify: must be a mapping with the broker's options, {} where it has none, got null",
			"x.yml:11: worker.worker_kwargs: must be a mapping, or be left out, got null",
		}},
		{"the README's example", readmeExample, []string{"x.yml:6: must have a comma between this and what is before it, or a bracket is not closed"}},
		{"the README's example with its comma", strings.Replace(readmeExample, `user=postgres"`, `user=postgres",`, 1), []string{
			"x.yml: version: must be given, as version: 2",
			"x.yml:3: producers.brokers: must stand at the top, as brokers: (an example in the original's README has it here, from a format before version 2)",
			"x.yml:5: producers.brokers.pg_notify.conninfo: must stand in brokers.pg_notify.config, as config: {conninfo: ...}",
			"x.yml:12: pool: must stand in service.pool_kwargs",
		}},

		{"a Python object", "version: 2\nbrokers: !!python/object/apply:os.system [id]\n", []string{
			"x.yml:2: brokers: must have no tag but !!str, !!int, !!float, !!bool, !!null, !!seq or !!map, and be quoted where it begins with an exclamation mark",
		}},
		{"a tag that does not fit", "version: 2\nservice: {main_kwargs: {node_id: !!int abc}}\n", []string{
			"x.yml:2: service.main_kwargs.node_id: must be what its tag !!int says",
		}},
		{"no such anchor", "version: 2\nbrokers: *nobody\n", []string{"x.yml:2: must name an anchor (&name) that stands before its use (*name)"}},
		{"an anchor in itself", "version: 2\nbrokers: &a\n  socket: *a\n", []string{"x.yml:3: brokers.socket: must not hold itself"}},
		{"a merge of no mapping", "version: 2\nservice: {<<: 3}\n", []string{`x.yml:2: service."<<": must be a mapping, or a list of mappings, got a number`}},
		{"a list for a key", "version: 2\nservice: {[a]: 3}\n", []string{"x.yml:2: service: must have words for keys, not lists or mappings"}},
		{"a date", "version: 2\nservice: {main_kwargs: {node_id: 2026-01-02}}\nelsewhere: 2026-01-02\n", []string{
			"x.yml:2: service.main_kwargs.node_id: must be quoted where it is a date: JSON, in which workers get their settings, has none",
		}},
		{"no quote at the end", "version: 2\nbrokers:\n  socket:\n    socket_path: \"x\n\nworker: {}\n", []string{"x.yml:4: must have a quote at its end"}},
		{"a line that is nothing", "version: 2\nhello world\nbrokers: {}\n", []string{"x.yml:2: must be a key with a : and a value"}},
		{"indentation", "version: 2\nbrokers: {}\n   x: 3\n", []string{
			"x.yml:3: must be indented as the key that it belongs to or stands beside, and not be text behind a quoted value",
		}},
		{"a control character", "version: 2\nbrokers: {}\n\x01\n", []string{"x.yml:3: must have no control characters"}},
		{"Latin-1", "version: 2\nnode: caf\xe9\n", []string{"x.yml:2: must be UTF-8, got the byte 0xe9"}},
		{"a byte order mark and Windows line ends", "\ufeffversion: 2\r\nbrokers: {}\r\n", nil},

		{"brokers", "version: 2\nbrokers:\n  redis: {}\n  socket: {}\n  pg_notify: {}\n", []string{
			"x.yml:3: brokers.redis: is no broker: there are pg_notify and socket, and modules with their full name",
			"x.yml:4: brokers.socket: must have socket_path, the path of the socket",
			`x.yml:5: brokers.pg_notify.config: must be given, as config: {conninfo: "host=... dbname=..."}`,
		}},
		{"a factory alone", "version: 2\nbrokers: {pg_notify: {config: {}, sync_connection_factory: app.db.connect}}\n", []string{
			`x.yml:2: brokers.pg_notify.config: must be given, as config: {conninfo: "host=... dbname=..."}; ` +
				"sync_connection_factory names Python code, which publishers can call and the daemon cannot",
		}},
		{"how to connect", "version: 2\nbrokers:\n  pg_notify:\n    config:\n      usr: me\n      port: [1]\n      dbname: a\n      database: b\n", []string{
			"x.yml:6: brokers.pg_notify.config.port: must be a text or a number, got a list",
			"x.yml:8: brokers.pg_notify.config.database: must be left out beside dbname, which means the same",
		}},
		{"unknown to libpq", "version: 2\nbrokers: {pg_notify: {config: {usr: me}}}\n", []string{
			`x.yml:2: brokers.pg_notify.config: must hold only keywords that libpq knows, got "usr"`,
		}},
		{"channels", "version: 2\nbrokers:\n  pg_notify:\n    config: {conninfo: ''}\n    channels: [5, yes, " + strings.Repeat("ü", 32) + "]\n", []string{
			"x.yml:5: brokers.pg_notify.channels[0]: must be the name of a channel, quoted where it looks like a number or yes, got 5",
			"x.yml:5: brokers.pg_notify.channels[1]: must be the name of a channel, quoted where it looks like a number or yes, got true",
		}},
		{"a long channel", "version: 2\nbrokers:\n  pg_notify:\n    config: {conninfo: ''}\n    channels: [" + strings.Repeat("ü", 32) + "]\n", []string{
			`x.yml:5: brokers.pg_notify.channels: must be a channel name of 1 to 63 bytes, got 64 bytes: "` + strings.Repeat("ü", 32) + `"`,
		}},
		{"the age of a self-check", "version: 2\nbrokers: {pg_notify: {config: {conninfo: ''}, max_self_check_message_age_seconds: null}}\n", []string{
			"x.yml:2: brokers.pg_notify.max_self_check_message_age_seconds: must be a number of seconds where max_connection_idle_seconds is one, got null",
		}},
		{"more age than idleness", "version: 2\nbrokers: {pg_notify: {config: {conninfo: ''}, max_connection_idle_seconds: 1}}\n", []string{
			"x.yml:2: brokers.pg_notify.max_connection_idle_seconds: must be such that max_self_check_message_age_seconds (2) is at most max_connection_idle_seconds (1)",
		}},

		{"producers", "version: 2\nproducers:\n  CronProducer: {}\n  ScheduledProducer:\n  OnStartProducer: {task_list: [a]}\n  ControlProducer: 3\n", []string{
			"x.yml:3: producers.CronProducer: is no producer: there are ScheduledProducer, OnStartProducer and ControlProducer",
			"x.yml:4: producers.ScheduledProducer.task_schedule: must be a mapping of tasks to their options, got nothing",
			"x.yml:5: producers.OnStartProducer.task_list: must be a mapping of tasks to their options, got a list",
			"x.yml:6: producers.ControlProducer: must be a mapping with the producer's options, got a number",
		}},
		{"options of tasks", "version: 2\nproducers:\n  ScheduledProducer:\n    task_schedule:\n      a: {}\n      b: {schedule: often, args: x, kwargs: [1]}\n" +
			"      c: {schedule: 0}\n      d:\n      e: {schedule: 1, timeout: soon, delay: [1]}\n      f: {schedule: 1, timeout: -1}\n", []string{
			"x.yml:5: producers.ScheduledProducer.task_schedule.a.schedule: must be given, the period in seconds",
			"x.yml:6: producers.ScheduledProducer.task_schedule.b.args: must be a list, got a string",
			"x.yml:6: producers.ScheduledProducer.task_schedule.b.kwargs: must be a mapping, got a list",
			`x.yml:6: producers.ScheduledProducer.task_schedule.b.schedule: must be a number of seconds, got "often"`,
			`x.yml:7: producers.ScheduledProducer.task_schedule.c.schedule: must be a duration with its unit, such as "30s", and at least 1ms, got 0s`,
			"x.yml:8: producers.ScheduledProducer.task_schedule.d: must be a mapping with the task's options, {} where it has none, got null",
			"x.yml:9: producers.ScheduledProducer.task_schedule.e.delay: must be a number of seconds, got a list",
			`x.yml:9: producers.ScheduledProducer.task_schedule.e.timeout: must be a number of seconds, got "soon"`,
			`x.yml:10: producers.ScheduledProducer.task_schedule.f.timeout: must be a duration with its unit, such as "30s", and at least 1ms, got -1s`,
		}},

		{"periods as text", "version: 2\nproducers:\n  ScheduledProducer:\n    task_schedule:\n      a: {schedule: nan}\n      b: {schedule: '-Infinity'}\n" +
			"      c: {schedule: '0x1p4'}\n      d: {schedule: ' 1.5e1 '}\n", []string{
			`x.yml:5: producers.ScheduledProducer.task_schedule.a.schedule: must be a number of seconds, got "nan"`,
			`x.yml:6: producers.ScheduledProducer.task_schedule.b.schedule: must be a number of seconds, got "-Infinity"`,
			`x.yml:7: producers.ScheduledProducer.task_schedule.c.schedule: must be a number of seconds, got "0x1p4"`,
		}},

		{"the pool", "version: 2\nservice:\n  pool_kwargs:\n    min_workers: four\n    max_workers: 1.5\n    scaledown_wait: soon\n" +
			"    worker_stop_wait: null\n    worker_max_lifetime_seconds: -4\n    worker_removal_wait: 1.0e+10\n", []string{
			`x.yml:4: service.pool_kwargs.min_workers: must be an integer, got "four"`,
			"x.yml:5: service.pool_kwargs.max_workers: must be an integer, got 1.5",
			`x.yml:6: service.pool_kwargs.scaledown_wait: must be a number of seconds, got "soon"`,
			"x.yml:7: service.pool_kwargs.worker_stop_wait: must be a number of seconds, got null",
			"x.yml:8: service.pool_kwargs.worker_max_lifetime_seconds: must be 0s or more, got -4s",
			"x.yml:9: service.pool_kwargs.worker_removal_wait: must be at most 9000000000 seconds, got 1e+10",
		}},
		{"no worker at all", "version: 2\nservice: {pool_kwargs: {min_workers: 0, max_workers: 0}}\n", []string{
			"x.yml:2: service.pool_kwargs.max_workers: must be at least 1, got 0",
		}},
		{"the service", "version: 2\nservice:\n  metrics_kwargs: {port: http, host: 5}\n  process_manager_cls: Threads\n" +
			"  process_manager_kwargs: {preload_modules: app}\n  main_kwargs: {chunk_message_timeout_seconds: null, node_id: [a]}\n", []string{
			"x.yml:3: service.metrics_kwargs.host: must be a host name or an address, got 5",
			`x.yml:3: service.metrics_kwargs.port: must be a port from 1 to 65535, got "http"`,
			`x.yml:4: service.process_manager_cls: must be ForkServerManager, ProcessManager or SpawnServerManager, got "Threads"`,
			`x.yml:5: service.process_manager_kwargs.preload_modules: must be an array of strings, got "app"`,
			"x.yml:6: service.main_kwargs.chunk_message_timeout_seconds: must be a number of seconds, got null",
			"x.yml:6: service.main_kwargs.node_id: must be a string, got an array",
		}},
		{"the worker", "version: 2\nworker: {worker_cls: Worker, worker_kwargs: {idle_timeout: long}}\n", []string{
			`x.yml:2: worker.worker_cls: must be a class such as "app.worker.Worker", got "Worker"`,
			`x.yml:2: worker.worker_kwargs.idle_timeout: must be a number of seconds, got "long"`,
		}},
		{"publishers", "version: 2\npublish: {default_broker: 3}\n", []string{"x.yml:2: publish.default_broker: must be the name of a broker, got 3"}},

		{"our own section", "version: 2\ndispatcherd:\n  pool: {min_worker: 3, max_workers: x}\n  worker: {tasks: some, python: null}\n  colour: 5\n", []string{
			"x.yml:3: dispatcherd.pool.max_workers: must be an integer, got \"x\"",
			"x.yml:3: dispatcherd.pool.min_worker: unknown key; did you mean pool.min_workers?",
			"x.yml:4: dispatcherd.worker.python: must be a string, got null",
			`x.yml:4: dispatcherd.worker.tasks: must be "registered", "importable" or "any", got "some"`,
			"x.yml:5: dispatcherd.colour: unknown key; the file may have brokers, cgroups, chunk_message_timeout, control, history, limits, log, metrics, node_id, on_start, pool, queue, schedule, service, supervisor, task, version, worker",
		}},
		{"a key without a name", "version: 2\ndispatcherd:\n  worker:\n    env:\n      A: a\n      \"\": 5\n", []string{
			`x.yml:6: dispatcherd.worker.env."": must be a string, got an integer`,
		}},
		{"our own section as a word", "version: 2\ndispatcherd: on\n", []string{
			"x.yml:2: dispatcherd: must be a mapping with keys of dispatcherd.toml, got a boolean",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := yamlFile(t, tt.text)
			var got []string
			if err != nil {
				got = strings.Split(inFile(err.Error()), "\n")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Load(%.300q): problems differ (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestSecretsOfYAMLAreNotShown(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"brokers: {pg_notify: {config: {password: !hunter2}}}\n",
		"brokers: {pg_notify: {config: {password: !hunter2 x}}}\n",
		"brokers: {pg_notify: {config: {password: *hunter2}}}\n",
		"brokers: {pg_notify: {config: {password: @hunter2}}}\n",
		"brokers: {pg_notify: {config: {password: [hunter2]}}}\n",
		"brokers: {pg_notify: {config: {conninfo: [hunter2]}}}\n",
		"brokers: {pg_notify: {config: hunter2}}\n",
		"brokers: {pg_notify: {config: {conninfo: hunter2}}}\n",
		"brokers: {pg_notify: {config: {conninfo: password='hunter2, port: 1}}}\n",
		"brokers: {pg_notify: {config: {conninfo: 'postgres://u:hunter2@h:x y/', port: 1}}}\n",
		"brokers: {pg_notify: {config: {conninfo: 'password=a hunter2=b'}}}\n",
		"brokers: {pg_notify: hunter2}\n",
		"brokers:\n  pg_notify:\n    config:\n      password: hunter2: x\n",
		"brokers:\n  pg_notify:\n    config:\n      password: \"x\" hunter2\n",
		"brokers:\n  pg_notify:\n    config:\n      password: \"x\\hunter2\"\n",
		"brokers:\n  pg_notify:\n    config:\n      password: `hunter2\n",
		"brokers:\n  pg_notify:\n    config:\n    - hunter2\n",
		"producers: {OnStartProducer: {task_list: {a: {args: hunter2, kwargs: hunter2}}}}\n",
		"producers: {OnStartProducer: {task_list: {a: hunter2}}}\n",
		"producers: {OnStartProducer: {task_list: hunter2}}\n",
		"producers: hunter2\n",
		"worker: {worker_kwargs: hunter2}\n",
		"dispatcherd: {worker: {env: {A: [hunter2]}, kwargs: hunter2}, brokers: {pg_notify: {conninfo: 'password=hunter2 x'}}}\n",
	} {
		_, err := yamlFile(t, "version: 2\n"+text)
		if err == nil {
			t.Errorf("Load(%q) found nothing wrong", text)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Load(%q) shows a secret:\n%v", text, err)
		}
	}
}

func TestWhatWouldComeToMuchIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	laughs := "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for i := range 9 {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	merges := "a0: &a0 {"
	for i := range 400 {
		merges += fmt.Sprintf("k%d: 1, ", i)
	}
	merges += "}\nb:\n" + strings.Repeat("- {<<: ["+strings.Repeat("*a0, ", 200)+"]}\n", 100)
	for name, tt := range map[string]struct{ text, want string }{
		"a billion laughs":      {laughs, "must come to at most 100000 values, with its aliases written out, got more"},
		"many merges":           {merges, "must bring at most 100000 keys in all, got more"},
		"deep lists":            {"a: " + strings.Repeat("[", 65) + strings.Repeat("]", 65), "must have at most 64 values inside each other"},
		"deep aliases":          {deepAliases(), "must have at most 64 values inside each other"},
		"deep beyond measure":   {strings.Repeat("- ", 500_000), "must have at most 64 values inside each other"},
		"brackets without end":  {strings.Repeat("[", 1_000_000), "must have a"},
		"many lines, all wrong": {strings.Repeat("a: b\n", 50_000), "problems more"},
		"many anchors":          {strings.Repeat("&a ", 300_000), "must be"},
		"a string without end":  {"x: '" + strings.Repeat("a\n", 500_000), "must have a quote at its end"},
		"a list of many":        {"x: [" + strings.Repeat("a, ", 300_000) + "]", "must come to at most 100000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			_, err := yamlFile(t, tt.text)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Load = %.300v, want %q", err, tt.want)
			}
			if err != nil && len(err.Error()) > 20_000 {
				t.Errorf("the problems have %d bytes", len(err.Error()))
			}
			if took := time.Since(start); took > time.Minute {
				t.Errorf("that took %v", took)
			}
		})
	}
}

// deepAliases is a list whose elements are ten lists inside each other, with the element
// before them in the middle.
func deepAliases() string {
	text := "all:\n- &a0 x\n"
	for i := range 7 {
		text += fmt.Sprintf("- &a%d %s*a%d%s\n", i+1, strings.Repeat("[", 10), i, strings.Repeat("]", 10))
	}
	return text
}

// What a check passes must start: the supervisor takes no more than this.
func TestFileThatIsTooLongForWorkersIsRefused(t *testing.T) {
	t.Parallel()
	const want = ": worker: must be shorter, with the rest of a YAML file, which workers get as well: worker spec: must be at most 131072 bytes as JSON, got "
	long := strings.Repeat("hunter2 ", 20_000)
	_, err := yamlFile(t, "version: 2\nbrokers: {socket: {socket_path: x}}\nproducers: {OnStartProducer: {task_list: {a.b: {args: ['"+long+"']}}}}\n")
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Load of the YAML = %.300v, want %q", err, want)
	}
	path := filepath.Join(t.TempDir(), "x.toml")
	text := "version = 2\n[brokers.socket]\npath = 'x'\n[worker.kwargs]\na = '" + long + "'\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("Load of the TOML = %.300v, want %q", err, want)
	}
}

func TestAHugeFileIsNotRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "huge.yml")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(100 << 20); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || err.Error() != path+": must be at most 1048576 bytes, got more" {
		t.Errorf("Load(%s) = %v, want that it is too large", path, err)
	}
}

func FuzzYAML(f *testing.F) {
	every, err := os.ReadFile(everyKey)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(every))
	f.Add(readmeExample)
	f.Add("version: 2\nx: &a {b: [1, *a]}\nbrokers: {<<: [*a, *a], socket: {socket_path: !!str 5}}\ndispatcherd: {pool: 3, worker: {env: {a: b}}}\n")
	f.Add("version: 2\nproducers: {OnStartProducer: {task_list: {a: {timeout: 1:30, args: [2026-01-02, .inf]}}}}\n")
	f.Add("a: |\n x\n\ty\n? - b\n: 'c\n")
	f.Fuzz(func(t *testing.T, text string) {
		if notUTF8([]byte(text)) != nil { // read lets none through
			return
		}
		c, problems := parse("x.yml", []byte(text))
		if c == nil && len(problems) == 0 {
			t.Errorf("parse(%q) returned neither a configuration nor problems", text)
		}
		for _, p := range problems {
			if p.Want == "" || p.Line < 0 || p.Line > 2+strings.Count(text, "\n")+strings.Count(text, "\r") {
				t.Errorf("parse(%q): bad problem %+v", text, p)
			}
			if strings.ContainsAny(p.String(), "\n\r\x1b") {
				t.Errorf("parse(%q): problem of more than a line: %q", text, p)
			}
		}
		if c == nil || len(problems) > 0 {
			return
		}
		if strings.ContainsAny(strings.Join(c.Notes, ""), "\n\r\x1b") {
			t.Errorf("parse(%q): note of more than a line: %q", text, c.Notes)
		}
		if !json.Valid(c.Worker.Settings) {
			t.Errorf("parse(%q): settings are no JSON: %s", text, c.Worker.Settings)
		}
	})
}
