package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// socket makes a text complete that is about something else.
const socket = "[brokers.socket]\npath = \"/run/d.sock\"\n"

// problemsOf loads a text as x.toml and returns the lines of the error.
func problemsOf(t *testing.T, text string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(path)
	if err == nil {
		return nil
	}
	if !errors.As(err, new(Problems)) {
		t.Errorf("Load returned a %T, want Problems", err)
	}
	return strings.Split(strings.ReplaceAll(err.Error(), path, "x.toml"), "\n")
}

func TestProblemsAreNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing is wrong", "version = 2\n" + socket, nil},
		{"an empty file", "", []string{
			"x.toml: brokers: must have pg_notify or socket, since nothing else brings tasks in, got nothing",
			"x.toml: version: must be given, as version = 2",
		}},
		{"another version", "version = 3\n" + socket, []string{"x.toml:1: version: must be 2, got 3"}},
		{"a version of another type", "version = \"2\"\n" + socket, []string{`x.toml:1: version: must be an integer, got "2"`}},
		{"no node_id", "version = 2\nnode_id = \"\"\n" + socket, []string{`x.toml:2: node_id: must be a name such as "web-1", got nothing`}},
		{"a long node_id", "version = 2\nnode_id = \"" + strings.Repeat("n", 254) + "\"\n" + socket, []string{
			"x.toml:2: node_id: must be at most 253 bytes, got 254",
		}},
		{"a node_id over two lines", "version = 2\nnode_id = \"a\\nb\"\n" + socket, []string{
			`x.toml:2: node_id: must be made of printable characters, got "a\nb"`,
		}},

		{"a misspelt key", "version = 2\n" + socket + "[pool]\nmin_worker = 1\n", []string{
			"x.toml:5: pool.min_worker: unknown key; did you mean pool.min_workers?",
		}},
		{"a key of another section", "version = 2\nmax_workers = 3\n" + socket, []string{
			"x.toml:2: max_workers: unknown key; did you mean pool.max_workers?",
		}},
		{"a key like no other", "version = 2\n" + socket + "[pool]\nbulk = 1\n[metrics]\nport = 80\n", []string{
			"x.toml:5: pool.bulk: unknown key; pool may have cancel_grace, hand_ahead, max_workers, min_workers, scaledown_reserve, scaledown_wait, shutdown_grace, worker_max_lifetime, worker_removal_wait",
			"x.toml:7: metrics.port: unknown key; metrics may have listen",
		}},
		{"unknown sections", "version = 2\n" + socket + "[brokers.redis]\nurl = \"x\"\n[[colours]]\na = 1\n", []string{
			"x.toml:4: brokers.redis: unknown key; brokers may have pg_notify, socket",
			"x.toml:6: colours: unknown key; the file may have brokers, cgroups, chunk_message_timeout, control, history, limits, log, metrics, node_id, on_start, pool, queue, schedule, service, supervisor, task, version, worker",
		}},
		{"a misspelt key in a list", "version = 2\n[[schedule]]\ntask = \"a\"\nevery = \"1s\"\n[[schedule]]\ntask = \"b\"\nevry = \"1s\"\n", []string{
			`x.toml:5: schedule[1].every: must be a duration with its unit, such as "30s", and at least 1ms, got 0s`,
			"x.toml:7: schedule[1].evry: unknown key; did you mean schedule[1].every?",
		}},
		{"an odd key", "version = 2\n\"a b\\u001b\" = 1\n" + socket, []string{
			`x.toml:2: "a b\x1b": unknown key; the file may have brokers, cgroups, chunk_message_timeout, control, history, limits, log, metrics, node_id, on_start, pool, queue, schedule, service, supervisor, task, version, worker`,
		}},

		{"limits", "version = 2\n" + socket + `[limits]
memory_max = "12Q"
memory_high = 5
tasks_max = true
memry_max = "5G"
[[task]]
match = "*"
limits = { memory_max = "101%", cpu_quota = 5 }
[[task]]
match = "b"
max_concurrency = -1
limits = { memory_high = "2G", memory_max = "1G" }
`, []string{
			`x.toml:5: limits.memory_max: must be a size such as "512M", a percentage such as "50%", or "infinity", got "12Q"`,
			`x.toml:7: limits.tasks_max: must be an integer of at least 1, a percentage such as "50%", or "infinity", got true`,
			"x.toml:8: limits.memry_max: unknown key; did you mean limits.memory_max?",
			`x.toml:11: task[0].limits.cpu_quota: must be a percentage of one CPU such as "150%", or "infinity", got 5`,
			`x.toml:11: task[0].limits.memory_max: must be a percentage of at most 100%, got "101%"`,
			`x.toml:13: task[1].match: must come before task[0] ("*"), which takes every name that it matches, got "b"`,
			"x.toml:14: task[1].max_concurrency: must be 0 or more, got -1",
			"x.toml:15: task[1].limits.memory_high: must be at most task[1].limits.memory_max (1G), got 2G",
		}},
		{"wrong types", "version = 2\n" + socket + `[pool]
min_workers = "four"
max_workers = 1.5
cancel_grace = true
shutdown_grace = "15"
scaledown_wait = 15
worker_max_lifetime = 2020-01-01
[worker]
python = 3
preload = "app.tasks"
pythonpath = ["/a",
  4, [ "b" ]]
env = "A=b"
`, []string{
			`x.toml:5: pool.min_workers: must be an integer, got "four"`,
			`x.toml:6: pool.max_workers: must be an integer, got 1.5`,
			`x.toml:7: pool.cancel_grace: must be a duration such as "15s", got true`,
			`x.toml:8: pool.shutdown_grace: must be a duration such as "15s", got "15"`,
			`x.toml:9: pool.scaledown_wait: must be a duration such as "15s", got 15`,
			`x.toml:10: pool.worker_max_lifetime: must be a duration such as "15s", got a date or time`,
			`x.toml:12: worker.python: must be a string, got 3`,
			`x.toml:13: worker.preload: must be an array of strings, got "app.tasks"`,
			`x.toml:15: worker.pythonpath[1]: must be a string, got 4`,
			`x.toml:15: worker.pythonpath[2]: must be a string, got an array`,
			`x.toml:16: worker.env: must be a table, got a string`,
		}},
		{"sections of another type", "version = 2\npool = 4\nschedule = 5\nmetrics = [1]\nbrokers = { socket = \"/run/x\" }\n[on_start]\ntask = \"a\"\n", []string{
			"x.toml:2: pool: must be a table, got 4",
			"x.toml:3: schedule: must be an array of tables, [[schedule]], got 5",
			"x.toml:4: metrics: must be a table, got an array",
			`x.toml:5: brokers.socket: must be a table, got "/run/x"`,
			"x.toml:6: on_start: must be an array of tables, [[on_start]], got a table",
		}},
		{"an element of another type", "version = 2\nschedule = [3]\n" + socket, []string{
			"x.toml:2: schedule[0]: must be a table, got 3",
		}},
		{"a long value", "version = 2\n" + socket + "[pool]\nmin_workers = \"" + strings.Repeat("é", 40) + "\"\n", []string{
			`x.toml:5: pool.min_workers: must be an integer, got "` + strings.Repeat("é", 30) + `" and 20 more bytes`,
		}},

		{"values out of bounds", "version = 2\n" + socket + "[pool]\nmax_workers = 2\nmin_workers = 4\ncancel_grace = \"-1s\"\n", []string{
			"x.toml:5: pool.max_workers: must be at least pool.min_workers (4), got 2",
			"x.toml:7: pool.cancel_grace: must be 0s or more, got -1s",
		}},
		{"no worker at all", "version = 2\n" + socket + "[pool]\nmax_workers = 0\n", []string{
			"x.toml:5: pool.max_workers: must be at least 1, got 0",
		}},
		{"what is missing is named by its section", "version = 2\n[worker]\ntasks = \"importable\"\n[brokers.socket]\n", []string{
			`x.toml:2: worker.tasks_allow: must name what may run when worker.tasks is "importable", got nothing`,
			"x.toml:4: brokers.socket.path: must be the path of the socket, got nothing",
		}},
		{"a broker without channels", "version = 2\n[brokers.pg_notify]\nconninfo = \"dbname=app\"\n", []string{
			"x.toml:2: brokers.pg_notify.channels: must name a channel, since nothing else brings tasks in, got nothing",
		}},
		{"no broker, but a schedule", "version = 2\n[[schedule]]\ntask = \"a\"\nevery = \"1s\"\n", nil},
		{"an address without a port", "version = 2\n" + socket + "[metrics]\nlisten = \"localhost\"\n", []string{
			`x.toml:5: metrics.listen: must be an address such as "localhost:8070", got "localhost"`,
		}},

		{"syntax errors and others", "version = 2\n" + socket + "[pool]\nmin_workers = four\nmax_workers = 0123\ncancel_grace = 3\n", []string{
			`x.toml:5: pool.min_workers: must be valid TOML: expected value but found "four" instead`,
			`x.toml:6: pool.max_workers: must be valid TOML: Invalid integer "0123": cannot have leading zeroes`,
			`x.toml:7: pool.cancel_grace: must be a duration such as "15s", got 3`,
		}},
		{"a syntax error is not followed by what it causes", "version = two\n[brokers.socket]\npath = /run/d.sock\n", []string{
			`x.toml:1: version: must be valid TOML: expected value but found "two" instead`,
			`x.toml:3: brokers.socket.path: must be valid TOML: expected value but found '/' instead`,
		}},
		{"a string without an end", "version = 2\n" + socket + "[worker]\npython = \"python3\nclass = 3\n", []string{
			"x.toml:5: worker.python: must be valid TOML: strings cannot contain newlines",
			"x.toml:6: worker.class: must be a string, got 3",
		}},
		{"an array without an end", "version = 2\n" + socket + "[worker]\npreload = [\"a\"\nclass = 3\n", []string{
			"x.toml:6: worker.preload: must be valid TOML: expected a comma (',') or array terminator (']'), but got 'c'",
		}},
		{"a header without an end", "version = 2\n[pool\nmin_workers = 3\n", []string{
			`x.toml:2: pool: must be valid TOML: expected '.' or ']' to end table name, but got '\n' instead`,
		}},
		{"a line that is nothing", "version = 2\nhello world\n" + socket, []string{
			"x.toml:2: hello: must be valid TOML",
		}},
		{"a key without a name", "version = 2\n= 3\n" + socket, []string{"x.toml:2: must be valid TOML"}},
		{"a key twice", "version = 2\nversion = 2\n" + socket + "[pool]\nmin_workers = 1\nmin_workers = 2\nmax_workers = -1\n", []string{
			"x.toml:2: version: must be given once, and is there in line 1",
			"x.toml:7: pool.min_workers: must be given once, and is there in line 6",
			"x.toml:8: pool.max_workers: must be at least 1, got -1",
		}},
		{"a table twice", "version = 2\n[pool]\nmin_workers = 1\n[pool]\nmax_workers = 2\n", []string{
			"x.toml:4: pool: must be given once, and is there in line 2",
		}},

		{"deep nesting", "version = 2\n\na = " + strings.Repeat("[", 1000), []string{"x.toml:3: must have at most 64 values inside each other"}},
		{"a long dotted key", strings.Repeat("a.", 1000) + "a = 1", []string{"x.toml:1: must have at most 64 parts in a key"}},
		{"a long key", strings.Repeat("a", 1000) + " = 1", []string{"x.toml:1: must have at most 512 bytes in a key"}},
		{"too much", strings.Repeat("# 3456789\n", 110_000), []string{"x.toml: must be at most 1048576 bytes, got more"}},
		{"Latin-1", "version = 2\nnode_id = \"caf\xe9\"\n", []string{"x.toml:2: must be UTF-8, got the byte 0xe9"}},
		{"UTF-16", "\xff\xfev\x00", []string{"x.toml:1: must be UTF-8, got the byte 0xff"}},
		{"a byte order mark", "\ufeffversion = 2\n" + socket, nil},
		{"Windows line ends", strings.ReplaceAll("version = 2\n"+socket+"[pool]\nmin_worker = 1\n", "\n", "\r\n"), []string{
			"x.toml:5: pool.min_worker: unknown key; did you mean pool.min_workers?",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, problemsOf(t, tt.text)); diff != "" {
				t.Errorf("Load(%.300q): problems differ (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	const s = "hunter2"
	for _, text := range []string{
		"[brokers.pg_notify]\nconninfo = hunter2\n",
		"[brokers.pg_notify]\nconninfo = [\"hunter2\"]\n",
		"[brokers.pg_notify]\nconninfo = \"host=x\npassword=hunter2\"\n",
		"[brokers.pg_notify]\nconninfo = \"password=\"hunter2\" host=x\"\n",
		"[brokers.pg_notify]\nconninfo = \"password='hunter2\"\n",
		"[brokers.pg_notify]\nconninfo = \"postgres://me:hunter2@host:port/db\"\n",
		"[brokers.pg_notify]\nconninfo = \"password=hunter2 port=x\"\n",
		"[brokers.pg_notify]\npassword = \"hunter2\"\n",
		"[brokers.pg_notify]\npassword = hunter2\n",
		"password = hunter2\n",
		"[worker]\nenv = { A = hunter2 }\n",
		"[worker]\nenv = { A = [\"hunter2\"] }\n",
		"[worker]\nenv = { A = 1, B = \"hunter2\", C = x }\n",
		"[worker]\nenv = \"hunter2\"\n",
		"[worker.env]\nA = \"x\nB=hunter2\"\n",
		"[worker.env]\nNOTIFY_SOCKET = \"hunter2\"\n",
		"[[on_start]]\ntask = \"a\"\nkwargs = \"hunter2\"\n",
		"[[on_start]]\ntask = \"a\"\nargs = [hunter2]\n",
		"[[on_start]]\ntask = \"a\"\n[on_start.kwargs]\nk = hunter2\n",
	} {
		got := problemsOf(t, "version = 2\n"+text)
		if len(got) == 0 {
			t.Errorf("Load(%q) found nothing wrong", text)
		}
		if lines := strings.Join(got, "\n"); strings.Contains(lines, s) {
			t.Errorf("Load(%q) shows a secret:\n%s", text, lines)
		}
	}
}

func TestWrongSecretsAreNamedByTheirTypes(t *testing.T) {
	t.Parallel()
	got := problemsOf(t, "version = 2\n"+socket+"[brokers.pg_notify]\nconninfo = 7\nchannels = [\"a\"]\n[worker.env]\nA = 1.5\nB = true\n")
	want := []string{
		"x.toml:5: brokers.pg_notify.conninfo: must be a string, got an integer",
		"x.toml:8: worker.env.A: must be a string, got a float",
		"x.toml:9: worker.env.B: must be a string, got a boolean",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems differ (-want +got):\n%s", diff)
	}
}

func TestFilesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe.toml")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		dir:                               "cannot be read: it is a directory",
		pipe:                              "cannot be read: it is not a regular file",
		filepath.Join(dir, "absent.toml"): "cannot be read: no such file or directory",
		filepath.Join(dir, "x.yml"):       "cannot be read: no such file or directory",
	} {
		_, err := Load(path)
		if err == nil || err.Error() != path+": "+want {
			t.Errorf("Load(%s) = %v, want %s", path, err, want)
		}
	}
}

func TestAFileWithoutReadPermissionIsNamed(t *testing.T) {
	t.Parallel()
	if os.Geteuid() == 0 {
		t.Skip("root may read everything: run this as another user")
	}
	path := filepath.Join(t.TempDir(), "x.toml")
	if err := os.WriteFile(path, []byte("version = 2\n"), 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || err.Error() != path+": cannot be read: permission denied" {
		t.Errorf("Load(%s) = %v, want permission denied", path, err)
	}
}

func TestLoadNamesItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.toml")
	if err := os.WriteFile(path, []byte("version = 2\n"+socket), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if c.File != path || c.PgNotify != nil || c.Metrics != nil || c.Socket.Path != "/run/d.sock" {
		t.Errorf("Load = %+v, want the file's name, a socket, and no other optional section", c)
	}
}
