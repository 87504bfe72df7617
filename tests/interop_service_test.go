package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"dispatcherd/tests/postgres"
)

// originalsFile is the dispatcher.yml of a project. The last section, which the
// original ignores, tells which Python has the project's libraries.
const originalsFile = `---
version: 2
service:
  pool_kwargs:
    min_workers: 1
    max_workers: 2
  main_kwargs:
    node_id: yaml-1
  process_manager_cls: ForkServerManager
  process_manager_kwargs:
    preload_modules: ['app.jobs']
brokers:
  pg_notify:
    config:
      conninfo: %s
    channels: [jobs]
    default_publish_channel: jobs
  socket:
    socket_path: d.sock
producers:
  ControlProducer: null
publish:
  default_broker: pg_notify
  default_control_broker: socket
dispatcherd:
  worker:
    python: %s
`

// A project whose dispatcher.yml is in the current directory says nothing more.
func TestInteropDaemonRunsOnTheFileOfTheOriginals(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	project, err := filepath.Abs("project")
	if err != nil {
		t.Fatal(err)
	}
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		d := prepare(t, "")
		if err := os.Remove(d.file("dispatcherd.toml")); err != nil {
			t.Fatal(err)
		}
		write(t, d.file("dispatcher.yml"), fmt.Sprintf(originalsFile, db.ConnInfo(), virtual(t)), 0o600)
		d.args = []string{"--log-level", "DEBUG"}
		d.run("PYTHONPATH="+project, "DISPATCHERD_CONFIG_FILE=")
		d.waitLog("dispatcherd is running")
		d.waitLog(lineListening)
		path := d.file("ran")
		overPostgres(t, db, "jobs").run(t, `
jobs.named.apply_async(args=args, uuid="by-library")
publisher.publish_message(message="lambda: open('%s', 'a').write('by text\\n')" % args[0])
`, path)
		lines := strings.Join(waitFile(t, path, 2), ",")
		if !strings.Contains(lines, "by-library") || !strings.Contains(lines, "by text") {
			t.Errorf("the tasks wrote %q", lines)
		}
		w := twins{t: t, dir: d.dir}
		theirs, ours := w.both(t, "running")
		theirs.want(t, 0, "- node_id: yaml-1\n\n", "")
		ours.want(t, 0, theirs.stdout, "")
		d.tell(sig)
		if code := d.wait(); code != 0 {
			t.Errorf("after %v the exit code is %d, want 0", sig, code)
		}
		d.leftNothing()
	}
}

func TestInteropDaemonTakesTheLevelsOfTheOriginals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "dispatcherd.toml"), settings, 0o600)
	for _, level := range []string{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "debug", "info", "warning", "error", "critical"} {
		dispatcherd(t, dir, nil, "--check", "--log-level", level).want(t, 0, "./dispatcherd.toml: no problems found\n", "")
		dispatcherd(t, dir, nil, "--log-level="+level, "--config", "dispatcherd.toml", "--check").want(t, 0, "dispatcherd.toml: no problems found\n", "")
	}
}

// The original's service would start with what is wrong in its file, or show its stack.
func TestInteropDaemonSaysInLinesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, line string }{
		{"nothing", "", "dispatcher.yml"},
		{"no YAML", "version: [\n", "dispatcher.yml:"},
		{"another version", "version: 1\nbrokers: {}\n", "dispatcher.yml:1: version: "},
		{"tabs", "version: 2\nbrokers:\n\tsocket: {}\n", "dispatcher.yml:3"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			write(t, filepath.Join(dir, "dispatcher.yml"), tt.text, 0o600)
			for program, code := range map[string]int{"dispatcherd": 78, "dispatcherctl": 1} {
				args := map[string][]string{"dispatcherctl": {"alive"}}[program]
				a := runProgram(t, dir, program, args...)
				if a.code != code || a.stdout != "" || !strings.Contains(a.stderr, tt.line) || strings.Contains(a.stderr, "goroutine") {
					t.Errorf("%s ended with %d, %q and %q, want %d and a line with %s", program, a.code, a.stdout, a.stderr, code, tt.line)
				}
			}
		})
	}
}

func TestInteropDaemonLogsToStandardErrorOnly(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", ""))
	var stdout strings.Builder
	d.stdout = &stdout
	d.run()
	d.waitLog("dispatcherd is running")
	d.stop()
	if stdout.Len() > 0 {
		t.Errorf("on standard output stands %q", stdout.String())
	}
}
