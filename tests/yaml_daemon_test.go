package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"dispatcherd/tests/postgres"
)

// originalYAML is a file of the original, with what its users' files have and it ignores.
const originalYAML = `version: 2
service:
  main_kwargs: {node_id: yaml}
  pool_kwargs: {max_workers: 2, scaledown_reserve: 1}
  process_manager_cls: ForkServerManager
  process_manager_kwargs: {preload_modules: [app.tasks]}
  task_settings: {max_retries: 3}
brokers:
  pg_notify:
    config: {conninfo: %q, application_name: yaml}
    sync_connection_factory: dispatcherd.brokers.pg_notify.connection_saver
    channels: [jobs]
    default_publish_channel: jobs
  socket: {socket_path: d.sock}
producers:
  OnStartProducer:
    task_list:
      app.tasks.note: {args: [on-start, began]}
  ScheduledProducer:
    task_schedule:
      'lambda: open("schedule", "a").write("again\n")': {schedule: 0.05, on_duplicate: discard}
  ControlProducer:
publish: {default_control_broker: socket, default_broker: pg_notify}
logging: {level: DEBUG}
`

// startYAML runs dispatcherd on a file of the original, which finds the interpreter on
// PATH, as python3, and the tasks on PYTHONPATH.
func startYAML(t *testing.T, yaml string, change func(d *daemon)) *daemon {
	t.Helper()
	d := prepare(t, "")
	if err := os.Remove(d.file("dispatcherd.toml")); err != nil {
		t.Fatal(err)
	}
	d.config = "dispatcher.yml"
	write(t, d.file(d.config), yaml, 0o600)
	if change != nil {
		change(d)
	}
	d.run(underPython(t)...)
	d.waitLog("dispatcherd is running")
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	return d
}

// underPython is the environment in which python3 is that of the virtual environment.
func underPython(t *testing.T) []string {
	t.Helper()
	path, err := filepath.Abs("project")
	if err != nil {
		t.Fatal(err)
	}
	return []string{"PYTHONPATH=" + path, "PATH=" + filepath.Dir(virtual(t)) + string(os.PathListSeparator) + os.Getenv("PATH")}
}

func TestFileOfTheOriginalRunsAsItIs(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := startYAML(t, fmt.Sprintf(originalYAML, db.ConnInfo()), nil)
	d.waitLog(lineListening)
	waitFile(t, d.file("on-start"), 1)
	waitFile(t, d.file("schedule"), 2)

	overPostgres(t, db, "jobs").run(t, `
publisher.publish_message(message=json.dumps({"task": "lambda: open('" + args[0] + "', 'w').write('ran')", "uuid": "lambda"}))
`, d.file("published"))
	if line := d.ended("lambda"); !strings.Contains(line, "outcome=succeeded") {
		t.Errorf("a lambda ended so: %s", line)
	}

	// A script of the original's users runs where the file is, and names nothing.
	a := runProgram(t, d.dir, "dispatcherctl", "alive", "--log-level", "ERROR")
	if a.code != 0 || strings.TrimSpace(a.stdout) != "- node_id: yaml" {
		t.Errorf("dispatcherctl alive: exit code %d\n%s%s", a.code, a.stdout, a.stderr)
	}
	for _, note := range []string{
		"dispatcher.yml: this is the configuration of the Python original; worker.tasks is",
		"dispatcher.yml:7: service.task_settings: is ignored",
		"dispatcher.yml:11: brokers.pg_notify.sync_connection_factory: is for publishers",
		"dispatcher.yml:24: logging: is ignored",
	} {
		if n := len(d.log.all(note)); n != 1 || !strings.Contains(d.log.all(note)[0], "level=WARN") {
			t.Errorf("%d lines of the log have %q, want one warning", n, note)
		}
	}
}

func TestConvertedFileRunsTheSame(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	yaml := fmt.Sprintf(originalYAML, db.ConnInfo())
	d := startYAML(t, yaml, func(d *daemon) {
		a := runProgram(t, d.dir, "dispatcherctl", "config", "convert", "dispatcher.yml")
		if a.code != 0 || a.stderr != "" {
			t.Fatalf("config convert: exit code %d, %s", a.code, a.stderr)
		}
		d.config = "dispatcherd.toml"
		write(t, d.file(d.config), a.stdout, 0o600)
	})
	d.waitLog(lineListening)
	waitFile(t, d.file("on-start"), 1)
	waitFile(t, d.file("schedule"), 2)
	if n := len(d.log.all("about the configuration")); n != 0 {
		t.Errorf("the log has %d notes about TOML", n)
	}
	if a := d.ctl("alive", "--output", "yaml"); strings.TrimSpace(a.stdout) != "- node_id: yaml" {
		t.Errorf("dispatcherctl alive: exit code %d\n%s%s", a.code, a.stdout, a.stderr)
	}
}

func TestSettingsCanComeThroughADescriptor(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"JSON": `{"version": 2, "brokers": {"socket": {"socket_path": "d.sock"}}, "service": {"main_kwargs": {"node_id": "memory"}}}`,
		"TOML": "version = 2\nnode_id = \"memory\"\n[brokers.socket]\npath = \"d.sock\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fd, err := unix.MemfdCreate("settings", 0)
			if err != nil {
				t.Fatal(err)
			}
			file := os.NewFile(uintptr(fd), "settings")
			defer file.Close()
			if _, err := file.WriteString(text); err != nil {
				t.Fatal(err)
			}
			d := startYAML(t, "", func(d *daemon) {
				// Not the lowest: in the supervisor that is another's.
				d.config, d.files = "/proc/self/fd/5", []*os.File{file, file, file}
			})
			for _, fd := range descriptors(t, d.supervisor()) {
				if strings.Contains(fd, "memfd:settings") {
					t.Errorf("the supervisor has the settings: %s", fd)
				}
			}
			if a := d.ctl("alive", "--output", "yaml"); strings.TrimSpace(a.stdout) != "- node_id: memory" {
				t.Errorf("dispatcherctl alive: exit code %d\n%s%s", a.code, a.stdout, a.stderr)
			}
		})
	}
}

// descriptors lists what the descriptors of a process lead to.
func descriptors(t *testing.T, pid int) (targets []string) {
	t.Helper()
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil || len(links) == 0 {
		t.Fatalf("process %d has no descriptors: %v", pid, err)
	}
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil {
			targets = append(targets, link+" -> "+target)
		}
	}
	return targets
}

func TestOwnSectionTightensAFileOfTheOriginal(t *testing.T) {
	t.Parallel()
	d := startYAML(t, `version: 2
brokers: {socket: {socket_path: d.sock}}
producers: {ControlProducer: {}}
dispatcherd: {worker: {tasks: registered, preload: [app.tasks]}}
`, nil)
	for task, outcome := range map[string]string{"lambda: 1": "failed", "app.tasks.nothing": "succeeded"} {
		if a := d.task(task); !strings.Contains(a.stdout, "outcome: "+outcome) {
			t.Errorf("%s: exit code %d\n%s%s\nwant it %s", task, a.code, a.stdout, a.stderr, outcome)
		}
	}
}

func TestCheckOfTheOriginalsFilePrintsTheNotes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x.yml"), "version: 2\nbrokers: {socket: {socket_path: d.sock}}\nlogging: {}\n", 0o600)
	dispatcherd(t, dir, nil, "--config", "x.yml", "--check").want(t, 0, `UNSAFE: x.yml: this is the configuration of the Python original; worker.tasks is "any", as there: `+
		"whoever can send a message can run any Python, lambda text too; control.operators is \"*\", as there: whoever can connect to the socket can cancel tasks; control.cancel_without_filter is true, as there: a cancel that names no task cancels every one; to tighten that, add the section dispatcherd: {worker: {tasks: registered}, control: {operators: [], cancel_without_filter: false}}, which the original ignores\n"+
		"note: x.yml:3: logging: is ignored, as the original ignores it: the log goes to standard error, and --log-level sets its level\n"+
		"x.yml: no problems found\n", "")
	write(t, filepath.Join(dir, "bad.yml"), "version: 3\nbrokers: {socket: {}}\n", 0o600)
	dispatcherd(t, dir, nil, "--config", "bad.yml", "--check").want(t, 1, "", "bad.yml:1: version: must be 2, the only version of the original's configuration that is read, got 3\n"+
		"bad.yml:2: brokers.socket: must have socket_path, the path of the socket\n")
}

func TestOriginalsFileIsFoundInTheDirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"dispatcher.yml", "variable.yml"} {
		write(t, filepath.Join(dir, name), `{"version": 2, "brokers": {"socket": {"socket_path": "d.sock"}}}`, 0o600)
	}
	variable := []string{"DISPATCHERD_CONFIG_FILE=variable.yml"}
	for _, tt := range []struct {
		want string
		env  []string
		args []string
	}{
		{"./dispatcher.yml", nil, []string{"--check"}},
		{"variable.yml", variable, []string{"--check"}},
		{"variable.yml", variable, []string{"--check", "--config", "dispatcher.yml"}},
		{"dispatcher.yml", nil, []string{"--check", "--config", "dispatcher.yml"}},
	} {
		a := dispatcherd(t, dir, tt.env, tt.args...)
		if a.code != 0 || !strings.HasSuffix(a.stdout, "\n"+tt.want+": no problems found\n") {
			t.Errorf("%v %v: exit code %d, %q, %q, want %s", tt.env, tt.args, a.code, a.stdout, a.stderr, tt.want)
		}
	}
	write(t, filepath.Join(dir, "dispatcherd.toml"), settings, 0o600)
	dispatcherd(t, dir, nil, "--check").want(t, 0, "./dispatcherd.toml: no problems found\n", "")
}

// The original has a new one at each start.
func TestNodeIDOfTheOriginalIsNewAtEachStart(t *testing.T) {
	t.Parallel()
	d := startYAML(t, "version: 2\nbrokers: {socket: {socket_path: d.sock}}\n", nil)
	var replies []map[string]string
	if a := d.ctl("alive", "--output", "json"); json.Unmarshal([]byte(a.stdout), &replies) != nil || len(replies) != 1 || len(replies[0]["node_id"]) != 36 {
		t.Errorf("alive answers %s%s, want a UUID for node_id", a.stdout, a.stderr)
	}
}
