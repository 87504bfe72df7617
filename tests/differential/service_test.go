package differential

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"dispatcherd/tests/stand"
)

// service is one of the two that are compared, and its stage.
type service struct {
	*stand.Service
	interrupted bool   // at the end, by SIGINT
	host        string // of its page of metrics
	stage       *stage
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
func start(t *testing.T, side stand.Side, c configuration) (*service, error) {
	place, err := stand.New(t, side)
	if err != nil {
		return nil, err
	}
	v := &service{Service: place, host: newHost(), interrupted: c.Interrupted}
	if err := os.WriteFile(v.Path("dispatcher.yml"), []byte(c.text(v.Database.ConnInfo(), v.host)), 0o600); err != nil {
		return v, err
	}
	if v.stage, err = newStage(v.Dir); err != nil {
		return v, err
	}
	return v, v.run()
}

// run starts the process.
func (v *service) run() error { return v.Run(programs, "project", "dispatcher.yml") }

// terminate asks the service to stop and returns its exit code.
func (v *service) terminate() (code int, err error) {
	if !v.interrupted {
		return v.Terminate()
	}
	if err := v.Cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, err
	}
	return v.Wait()
}

// end ends the service, whatever state it is in, and removes its files.
func (v *service) end() {
	if v.stage != nil {
		defer v.stage.close()
	}
	v.End()
}

// lastLog is the end of what the service has logged.
func (v *service) lastLog() string {
	text := v.Log()
	return text[max(0, len(text)-6000):]
}
