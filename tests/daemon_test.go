package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bound is how long a test waits for anything before it fails.
const bound = 60 * time.Second

// daemon is a running dispatcherd.
type daemon struct {
	t      *testing.T
	dir    string // its own; the socket is there
	socket string

	// What follows may be changed before run.
	program string
	args    []string // nil: those that every test gives
	config  string   // its --config
	attr    syscall.SysProcAttr
	stdout  io.Writer  // nil: nowhere
	stderr  io.Writer  // nil: log
	files   []*os.File // that it finds open

	cmd    *exec.Cmd
	log    *logBuffer
	orphan bool          // nobody was there to remove the temporary files
	done   chan struct{} // closed when it has been waited for
	err    error         // how it ended; read after done
}

// project is the configuration that every test begins with; more is appended.
// It runs with the tests' own tasks, and the Python original's library where
// withOriginal is appended.
const project = `version = 2
node_id = "test"
[worker]
pythonpath = [%q]
preload = ["app.tasks"]
%s
[brokers.socket]
path = "d.sock"
[pool]
%s
`

// config fills in the project's configuration: more keys for [worker] and
// [pool], then whole sections.
func config(t *testing.T, worker, pool string, sections ...string) string {
	t.Helper()
	path, err := filepath.Abs("project")
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf(project, path, worker, pool) + strings.Join(sections, "\n")
}

// start runs dispatcherd on a configuration and waits until it answers. It is
// stopped, and must have left nothing behind, at the end of the test.
func start(t *testing.T, toml string, env ...string) *daemon {
	t.Helper()
	d := prepare(t, toml)
	d.run(env...)
	d.waitLog("dispatcherd is running")
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	return d
}

// prepare writes the configuration into a directory of the daemon's own.
func prepare(t *testing.T, toml string) *daemon {
	t.Helper()
	// t.TempDir can be too long for the path of a socket.
	dir, err := os.MkdirTemp("", "d-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(filepath.Join(dir, "dispatcherd.toml"), []byte(toml), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o700); err != nil {
		t.Fatal(err)
	}
	return &daemon{
		t: t, dir: dir, socket: filepath.Join(dir, "d.sock"),
		program: filepath.Join(programs, "dispatcherd"), config: "dispatcherd.toml", attr: syscall.SysProcAttr{Setpgid: true},
		log: newLogBuffer(), done: make(chan struct{}),
	}
}

// run starts the process.
func (d *daemon) run(env ...string) {
	d.t.Helper()
	if d.args == nil {
		d.args = []string{"--config", d.config, "--log-level", "debug"}
	}
	d.cmd = exec.Command(d.program, d.args...)
	d.cmd.Dir = d.dir
	d.cmd.Stdout, d.cmd.Stderr = d.stdout, d.log
	if d.stderr != nil {
		d.cmd.Stderr = d.stderr
	}
	d.cmd.Env = slices.Concat(os.Environ(), []string{"TMPDIR=" + d.file("tmp")}, env)
	d.cmd.SysProcAttr = &d.attr
	d.cmd.ExtraFiles = d.files
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		d.err = d.cmd.Wait()
		d.log.close()
		close(d.done)
	}()
}

func (d *daemon) pid() int { return d.cmd.Process.Pid }

// stop ends the daemon in order; its exit code must be 0.
func (d *daemon) stop() {
	d.t.Helper()
	select {
	case <-d.done: // the test has ended it already
		return
	default:
	}
	_ = d.cmd.Process.Signal(syscall.SIGTERM) // it can only have ended meanwhile
	if code := d.wait(); code != 0 {
		d.t.Errorf("dispatcherd ended with %v, want exit code 0; its log:\n%s", d.err, d.log)
	}
}

// wait waits for the end and returns the exit code, -1 for a signal.
func (d *daemon) wait() int {
	d.t.Helper()
	select {
	case <-d.done:
	case <-time.After(bound):
		_ = d.cmd.Process.Signal(syscall.SIGABRT) // its stacks go to the log
		<-d.done
		d.t.Fatalf("dispatcherd did not end; its log:\n%s", d.log)
	}
	if d.log.count("DATA RACE") > 0 {
		d.t.Errorf("the race detector found something:\n%s", d.log)
	}
	return d.cmd.ProcessState.ExitCode()
}

// leftNothing looks for processes, cgroups and files of a daemon that has ended.
func (d *daemon) leftNothing() {
	d.t.Helper()
	tree := "dispatcherd-" + strconv.Itoa(d.pid())
	_ = filepath.WalkDir("/sys/fs/cgroup", func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.IsDir() && e.Name() == tree {
			d.t.Errorf("cgroup %s is left behind; the log:\n%s", path, d.log)
		}
		return nil // what cannot be read is not ours
	})
	if left := processesIn(d.dir); len(left) > 0 {
		d.t.Errorf("processes are left behind: %v", left)
	}
	if left, err := os.ReadDir(d.file("tmp")); err != nil || len(left) > 0 && !d.orphan {
		d.t.Errorf("temporary files are left behind: %v, %v", left, err)
	}
	if _, err := os.Lstat(d.socket); err == nil && d.cmd.ProcessState.Exited() {
		d.t.Errorf("the socket is left behind")
	}
}

// processesIn lists the processes whose working directory is dir.
func processesIn(dir string) (pids []int) {
	entries, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, e := range entries {
		if target, err := os.Readlink(e); err == nil && target == dir {
			pid, _ := strconv.Atoi(strings.Split(e, "/")[2])
			pids = append(pids, pid)
		}
	}
	return pids
}

// waitLog waits until the log holds want and returns the line.
func (d *daemon) waitLog(want string) string {
	d.t.Helper()
	line, ok := d.log.wait(want, bound)
	if !ok {
		d.t.Fatalf("the log has no %q:\n%s", want, d.log)
	}
	return line
}

// waitLogs waits until the log holds n lines with want, and returns all of them.
func (d *daemon) waitLogs(want string, n int) (lines []string) {
	d.t.Helper()
	waitFor(d.t, fmt.Sprintf("%d lines with %q in the log", n, want), func() bool {
		lines = d.log.all(want)
		return len(lines) >= n
	})
	return lines
}

// answer is what a program printed.
type answer struct {
	stdout, stderr string
	code           int
}

// ctl runs dispatcherctl against the daemon.
func (d *daemon) ctl(args ...string) answer {
	d.t.Helper()
	return runProgram(d.t, d.dir, "dispatcherctl", append([]string{"--socket", d.socket}, args...)...)
}

// runProgram runs one of ours to its end.
func runProgram(t *testing.T, dir, name string, args ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(programs, name), args...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s %q: %v", name, args, err)
	}
	return answer{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// task runs a task to its end through dispatcherctl and returns the answer,
// whose stdout is YAML.
func (d *daemon) task(name string, more ...string) answer {
	d.t.Helper()
	return d.ctl(append([]string{"run", name, "--wait", "--output", "yaml"}, more...)...)
}

// file is a path in the daemon's directory.
func (d *daemon) file(name string) string { return filepath.Join(d.dir, name) }

// waitFile waits until the file has n lines and returns them.
func waitFile(t *testing.T, path string, n int) []string {
	t.Helper()
	var lines []string
	waitFor(t, fmt.Sprintf("%s to have %d lines", path, n), func() bool {
		text, _ := os.ReadFile(path)
		lines = slices.Collect(strings.Lines(string(text)))
		return len(lines) >= n
	})
	for i := range lines {
		lines[i] = strings.TrimSuffix(lines[i], "\n")
	}
	return lines
}

// waitFor looks again and again until a condition holds: for what tells nobody
// that it has changed.
func waitFor(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(bound); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited %v for %s", bound, what)
		}
	}
}

// logBuffer keeps what a daemon logs and tells those who wait for a line.
type logBuffer struct {
	mu      sync.Mutex
	changed *sync.Cond
	text    bytes.Buffer
	closed  bool
}

func newLogBuffer() *logBuffer {
	l := &logBuffer{}
	l.changed = sync.NewCond(&l.mu)
	return l
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.changed.Broadcast()
	return l.text.Write(p)
}

func (l *logBuffer) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	l.changed.Broadcast()
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// wait returns the first line that holds want; ok is false when the bound is
// over or the log has ended without one.
func (l *logBuffer) wait(want string, bound time.Duration) (line string, ok bool) {
	over := false
	timer := time.AfterFunc(bound, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		over = true
		l.changed.Broadcast()
	})
	defer timer.Stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for seen := 0; ; {
		for line := range bytes.Lines(l.text.Bytes()[seen:]) {
			if bytes.Contains(line, []byte(want)) {
				return string(line), true
			}
			if bytes.HasSuffix(line, []byte("\n")) {
				seen += len(line)
			}
		}
		if over || l.closed {
			return "", false
		}
		l.changed.Wait()
	}
}

// count is how often the log holds want.
func (l *logBuffer) count(want string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Count(l.text.Bytes(), []byte(want))
}

// all returns the lines that hold want.
func (l *logBuffer) all(want string) (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range bytes.Lines(l.text.Bytes()) {
		if bytes.Contains(line, []byte(want)) {
			lines = append(lines, string(line))
		}
	}
	return lines
}
