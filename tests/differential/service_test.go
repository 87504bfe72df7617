package differential

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"dispatcherd/tests/postgres"
)

// side is one of the two services that are compared.
type side string

const (
	original side = "the original"
	ours     side = "ours"
)

// service is one of them, running in a directory of its own.
type service struct {
	side        side
	dir         string
	interrupted bool   // at the end, by SIGINT
	host        string // of its page of metrics
	database    *postgres.Database
	stage       *stage
	cmd         *exec.Cmd
	done        chan struct{} // closed when it has ended
}

// configuration is the dispatcher.yml of both services. It is a part of the script.
type configuration struct {
	Min, Max    int
	Watched     bool    // the worker class tells that its methods are called
	Wait        float64 `json:",omitempty"` // scaledown_wait, seconds; 0: surplus workers stay
	Chunks      float64 `json:",omitempty"` // chunk_message_timeout_seconds; 0: for ever
	Lifetime    float64 `json:",omitempty"` // worker_max_lifetime_seconds; 0: for ever
	Idle        float64 `json:",omitempty"` // idle_timeout, seconds
	Schedule    bool    `json:",omitempty"` // there is a ScheduledProducer
	Check       float64 `json:",omitempty"` // max_connection_idle_seconds; 0: no self-checks
	Interrupted bool    `json:",omitempty"` // by SIGINT at the end, not SIGTERM
	Manager     string  `json:",omitempty"` // process_manager_cls
	Connected   bool    `json:",omitempty"` // clients stay until the end
	Page        bool    // there is a page of metrics
	Control     bool    // there is a ControlProducer
}

// pagePort is where the page of metrics is, on an address of each service's own.
const pagePort = "8070"

// services counts those that were started.
var services atomic.Uint32

// newHost is an address of the loopback network that nobody else has.
func newHost() string {
	pid := os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 1+pid/250%250, pid%250, 1+services.Add(1)%250)
}

// restless says whether a service with it never comes to rest.
func (c configuration) restless() bool { return c.Lifetime > 0 || c.Schedule || c.Check > 0 }

// file is the configuration of both sides.
const file = `version: 2
service:
  main_kwargs: {node_id: stage, chunk_message_timeout_seconds: %g}
  pool_kwargs: {min_workers: %d, max_workers: %d, scaledown_wait: %g, scaledown_interval: 0.1, worker_removal_wait: 0.1, worker_max_lifetime_seconds: %s}
%sbrokers:
  pg_notify:
    config: {conninfo: %q}
    channels: [low, High-1]
    default_publish_channel: low
    max_connection_idle_seconds: %[8]s
    max_self_check_message_age_seconds: %[8]s
  socket: {socket_path: d.sock}
producers:
  OnStartProducer:
    task_list:
      stage.note: {args: [on start], uuid: is overridden}
      stage.act: {args: [on start], on_duplicate: serial}
publish: {default_control_broker: socket}
worker: {worker_kwargs: {idle_timeout: %[9]g}%[10]s}
`

// text is the file for one side.
func (c configuration) text(conninfo, host string) string {
	wait, lifetime, check, class := c.Wait, "null", "null", ""
	if wait == 0 {
		wait = 3600
	}
	if c.Lifetime > 0 {
		lifetime = fmt.Sprint(c.Lifetime)
	}
	if c.Check > 0 {
		check = fmt.Sprint(c.Check)
	}
	if c.Watched {
		class = ", worker_cls: stage.Watched"
	}
	text := fmt.Sprintf(file, c.Chunks, c.Min, c.Max, wait, lifetime, c.manager(), conninfo, check, c.Idle, class)
	if c.Page {
		text = strings.Replace(text, "service:\n", "service:\n  metrics_kwargs: {host: "+host+", port: "+pagePort+"}\n", 1)
	}
	if c.Control {
		text = strings.Replace(text, "producers:\n", "producers:\n  ControlProducer:\n", 1)
	}
	if c.Schedule {
		text = strings.Replace(text, "producers:\n", "producers:\n  ScheduledProducer:\n    task_schedule:\n"+
			"      stage.plain: {schedule: 0.5, args: [again], on_duplicate: serial}\n", 1)
	}
	return text
}

// manager says how workers are started. Only one of the original's managers preloads modules.
func (c configuration) manager() (text string) {
	if c.Manager != "" {
		text = "  process_manager_cls: " + c.Manager + "\n"
	}
	if c.Manager == "" || c.Manager == "ForkServerManager" {
		text += "  process_manager_kwargs: {preload_modules: [stage]}\n"
	}
	return text
}

// start runs a service on a configuration.
func start(t *testing.T, s side, c configuration) (*service, error) {
	dir, err := os.MkdirTemp("", "d-") // t.TempDir can be too long for the path of a socket
	if err != nil {
		return nil, err
	}
	v := &service{side: s, dir: dir, host: newHost(), interrupted: c.Interrupted, database: postgres.Shared(t).NewDatabase(t), done: make(chan struct{})}
	if err := os.WriteFile(v.file("dispatcher.yml"), []byte(c.text(v.database.ConnInfo(), v.host)), 0o600); err != nil {
		return nil, err
	}
	if v.stage, err = newStage(dir); err != nil {
		return nil, err
	}
	return v, v.run()
}

func (v *service) file(name string) string { return filepath.Join(v.dir, name) }

// run starts the process, in a group of its own.
func (v *service) run() error {
	venv, err := filepath.Abs(os.Getenv("DISPATCHERD_TEST_VENV"))
	if err != nil {
		return err
	}
	project, err := filepath.Abs("project")
	if err != nil {
		return err
	}
	program := filepath.Join(venv, "bin", "dispatcherd")
	if v.side == ours {
		program = filepath.Join(programs, "dispatcherd")
	}
	log, err := os.Create(v.file("log"))
	if err != nil {
		return err
	}
	defer log.Close()
	v.cmd = exec.Command(program, "--config", "dispatcher.yml", "--log-level", "INFO")
	v.cmd.Dir, v.cmd.Stdout, v.cmd.Stderr = v.dir, log, log
	v.cmd.Env = append(os.Environ(), "PYTHONPATH="+project, "PYTHONDONTWRITEBYTECODE=1", "TMPDIR="+v.dir,
		"PATH="+filepath.Join(venv, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"))
	v.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := v.cmd.Start(); err != nil {
		return err
	}
	go func() {
		_ = v.cmd.Wait() // ProcessState tells how it has ended
		close(v.done)
	}()
	return nil
}

// terminate asks the service to stop and returns its exit code.
func (v *service) terminate() (code int, err error) {
	signal := syscall.SIGTERM
	if v.interrupted {
		signal = syscall.SIGINT
	}
	if err := v.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	select {
	case <-v.done:
		return v.cmd.ProcessState.ExitCode(), nil
	case <-time.After(bound):
		return 0, fmt.Errorf("%s does not stop", v.side)
	}
}

// end ends the service, whatever state it is in, and removes its files.
func (v *service) end() {
	select {
	case <-v.done:
	default:
		if _, err := v.terminate(); err != nil {
			_ = syscall.Kill(-v.cmd.Process.Pid, syscall.SIGKILL) // the original leaves its workers otherwise
			<-v.done
		}
	}
	v.stage.close()
	os.RemoveAll(v.dir)
}

// log is the end of what the service has logged.
func (v *service) log() string {
	text, err := os.ReadFile(v.file("log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-6000):])
}
