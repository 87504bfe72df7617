package storm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"dispatcherd/control"
	"dispatcherd/tests/postgres"
	"dispatcherd/tests/stand"
)

// The two services that are stormed.
const (
	original = stand.Original
	ours     = stand.Ours
)

const workers = 4

const (
	bound = stand.Bound
	// stopTime is how long a service has to stop before it is killed; ours has 30 s for running tasks alone, but
	// none runs then.
	stopTime = 20 * time.Second
)

// service is one of them, in a directory of its own.
type service struct {
	t    *testing.T
	side stand.Side
	dir  string
	main *process

	supervisor *process // ours as a service of its own, else nil
	unit       *os.File // its socket, which outlives it
	groups     []int    // of all processes that were started
}

// process is one that the storm has started.
type process struct {
	*exec.Cmd
	done chan struct{} // closed when it has ended
}

func (p *process) pid() int { return p.Process.Pid }

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

const ourConfig = `version = 2
node_id = "storm"
[pool]
min_workers = %[1]d
max_workers = %[1]d
cancel_grace = "500ms"
[worker]
python = %[2]q
pythonpath = [%[3]q]
preload = ["storm_tasks"]
[brokers.pg_notify]
conninfo = "%[4]s application_name=stormed"
channels = ["storm"]
[brokers.socket]
path = "s.sock"
%[5]s
`

// The original looks for dead workers once a second, so that it is not judged by its default of 15.
const originalConfig = `version: 2
service:
  pool_kwargs: {min_workers: %[1]d, max_workers: %[1]d, scaledown_interval: 1}
  process_manager_kwargs: {preload_modules: [storm_tasks]}
brokers:
  pg_notify:
    config: {conninfo: "%[4]s application_name=stormed"}
    channels: [storm]
  socket: {socket_path: s.sock}
producers:
  ControlProducer:
`

// newService prepares a service in a directory, and starts its supervisor if that is one of its own.
func newService(t *testing.T, who stand.Side, kept bool, db *postgres.Database) *service {
	t.Helper()
	dir, err := os.MkdirTemp("", "s-") // t.TempDir can be too long for the path of a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	project, err := filepath.Abs("project")
	if err != nil {
		t.Fatal(err)
	}
	s := &service{t: t, side: who, dir: dir}
	name, text, section := "dispatcherd.toml", ourConfig, ""
	if who == original {
		name, text = "dispatcher.yml", originalConfig
	} else if kept {
		section = "[supervisor]\nsocket = \"supervisor.sock\""
		s.unit = s.opened("supervisor.sock")
	}
	config := fmt.Sprintf(text, workers, filepath.Join(stand.Venv(t), "bin", "python"), project, db.ConnInfo(), section)
	if who == original {
		config, _, _ = strings.Cut(config, "%!(EXTRA")
	}
	if err := os.WriteFile(s.file(name), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.end)
	if s.unit != nil {
		s.beginSupervisor()
	}
	s.begin()
	return s
}

func (s *service) file(name string) string { return filepath.Join(s.dir, name) }

// opened opens a socket as a socket unit does.
func (s *service) opened(name string) *os.File {
	s.t.Helper()
	l, err := net.ListenUnix("unixpacket", &net.UnixAddr{Name: s.file(name), Net: "unixpacket"})
	if err != nil {
		s.t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	f, err := l.File()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { f.Close() })
	return f
}

// begin starts the main process, for the first time or again.
func (s *service) begin() {
	s.t.Helper()
	if s.side == original {
		s.main = s.run(nil, filepath.Join(stand.Venv(s.t), "bin", "dispatcherd"), "--config", "dispatcher.yml", "--log-level", "WARNING")
		return
	}
	s.main = s.run(nil, filepath.Join(programs, "dispatcherd"), "--config", "dispatcherd.toml", "--log-level", "info")
}

// beginSupervisor starts the supervisor as a service manager does: its socket is passed, and its
// number is known only to itself.
func (s *service) beginSupervisor() {
	s.t.Helper()
	s.supervisor = s.run(s.unit, "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, filepath.Join(programs, "dispatcherd"),
		"supervisor", "--log-level", "info", "--runtime-dir", s.file("runtime"))
}

// run starts a process in a group of its own.
func (s *service) run(unit *os.File, command ...string) *process {
	s.t.Helper()
	log, err := os.OpenFile(s.file("log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer log.Close()
	project, err := filepath.Abs("project")
	if err != nil {
		s.t.Fatal(err)
	}
	p := &process{exec.Command(command[0], command[1:]...), make(chan struct{})}
	p.Dir, p.Stdout, p.Stderr = s.dir, log, log
	p.Env = append(os.Environ(), "PYTHONPATH="+project, "PYTHONDONTWRITEBYTECODE=1", "TMPDIR="+s.dir, "DISPATCHERD_LOG_FORMAT=logfmt")
	if unit != nil {
		p.ExtraFiles = []*os.File{unit}
		p.Env = append(p.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=supervisor")
	}
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := p.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.groups = append(s.groups, p.pid())
	go func() {
		_ = p.Wait() // ProcessState tells how it has ended
		close(p.done)
	}()
	return p
}

// stop ends a process in order and returns its exit code; one that does not end is killed.
func (s *service) stop(p *process) int {
	_ = p.Process.Signal(syscall.SIGTERM) // it can only have ended already
	select {
	case <-p.done:
	case <-time.After(stopTime):
		s.t.Logf("%s does not stop, and is killed", s.side)
		_ = p.Process.Kill()
		<-p.done
	}
	return p.ProcessState.ExitCode()
}

// end ends whatever is left.
func (s *service) end() {
	for _, p := range []*process{s.main, s.supervisor} {
		if p != nil && !p.ended() {
			s.stop(p)
		}
	}
	for _, group := range s.groups { // the original leaves its workers when it is killed
		_ = syscall.Kill(-group, syscall.SIGKILL)
	}
}

// ask sends a control request and returns the reply.
func (s *service) ask(command string, data map[string]any) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c, err := control.Dial(ctx, s.file("s.sock"))
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.Request(ctx, control.Request{Command: command, Data: data})
}

// supervisorPID is the process that holds our workers.
func (s *service) supervisorPID() (int, error) {
	if s.supervisor != nil {
		return s.supervisor.pid(), nil
	}
	for _, pid := range children(s.main.pid()) {
		if strings.Contains(commandLine(pid), "dispatcherd supervisor") {
			return pid, nil
		}
	}
	return 0, errors.New("the daemon has no supervisor")
}

// forkServerPID is the process that workers are forked from.
func (s *service) forkServerPID() (int, error) {
	if s.side == original {
		for _, pid := range children(s.main.pid()) {
			if strings.Contains(commandLine(pid), "multiprocessing.forkserver") {
				return pid, nil
			}
		}
		return 0, errors.New("the original has no fork server")
	}
	supervisor, err := s.supervisorPID()
	if err != nil {
		return 0, err
	}
	reply, err := s.ask("workers", nil)
	if err != nil {
		return 0, err
	}
	var known []int
	for _, v := range reply {
		if w, ok := v.(map[string]any); ok {
			known = append(known, number(w["pid"]))
		}
	}
	// Workers have its command line; it is the one that is no worker.
	others := slices.DeleteFunc(children(supervisor), func(pid int) bool { return slices.Contains(known, pid) || leftBehind(pid) })
	if len(others) != 1 {
		return 0, fmt.Errorf("processes %v may be the fork server", others)
	}
	return others[0], nil
}

// log is all that the service has said.
func (s *service) log() string {
	text, err := os.ReadFile(s.file("log"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// tail is the end of it, for people.
func (s *service) tail() string {
	text := s.log()
	return text[max(0, len(text)-4000):]
}

// waitUntil looks again and again until a condition holds, and says whether it came to that.
func waitUntil(pause, limit time.Duration, holds func() bool) bool {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for end := time.Now().Add(limit); !holds(); <-tick.C {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}
