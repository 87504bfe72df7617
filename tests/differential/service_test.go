package differential

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"dispatcherd/tests/stand"
)

// service is one of the two that are compared, and its stage.
type service struct {
	*stand.Service
	stage *stage
}

// configuration is the dispatcher.yml of both services. It is a part of the script.
type configuration struct {
	Min, Max int
	Watched  bool    // the worker class tells that its methods are called
	Wait     float64 `json:",omitempty"` // scaledown_wait, seconds; 0: surplus workers stay
	Chunks   float64 `json:",omitempty"` // chunk_message_timeout_seconds; 0: for ever
	Lifetime float64 `json:",omitempty"` // worker_max_lifetime_seconds; 0: for ever
	Idle     float64 `json:",omitempty"` // idle_timeout, seconds
	Schedule bool    `json:",omitempty"` // there is a ScheduledProducer
	Control  bool    // there is a ControlProducer
}

// restless says whether a service with it never comes to rest.
func (c configuration) restless() bool { return c.Lifetime > 0 || c.Schedule }

// file is the configuration of both sides.
const file = `version: 2
service:
  main_kwargs: {node_id: stage, chunk_message_timeout_seconds: %g}
  pool_kwargs: {min_workers: %d, max_workers: %d, scaledown_wait: %g, scaledown_interval: 0.1, worker_removal_wait: 0.1, worker_max_lifetime_seconds: %s}
  process_manager_kwargs: {preload_modules: [stage]}
brokers:
  pg_notify:
    config: {conninfo: %q}
    channels: [low, High-1]
    default_publish_channel: low
    max_connection_idle_seconds: null
    max_self_check_message_age_seconds: null
  socket: {socket_path: d.sock}
producers:
  OnStartProducer:
    task_list:
      stage.note: {args: [on start], uuid: is overridden}
      stage.act: {args: [on start], on_duplicate: serial}
publish: {default_control_broker: socket}
worker: {worker_kwargs: {idle_timeout: %g}%s}
`

// text is the file for one side.
func (c configuration) text(conninfo string) string {
	wait, lifetime, class := c.Wait, "null", ""
	if wait == 0 {
		wait = 3600
	}
	if c.Lifetime > 0 {
		lifetime = fmt.Sprint(c.Lifetime)
	}
	if c.Watched {
		class = ", worker_cls: stage.Watched"
	}
	text := fmt.Sprintf(file, c.Chunks, c.Min, c.Max, wait, lifetime, conninfo, c.Idle, class)
	if c.Control {
		text = strings.Replace(text, "producers:\n", "producers:\n  ControlProducer:\n", 1)
	}
	if c.Schedule {
		text = strings.Replace(text, "producers:\n", "producers:\n  ScheduledProducer:\n    task_schedule:\n"+
			"      stage.plain: {schedule: 0.5, args: [again], on_duplicate: serial}\n", 1)
	}
	return text
}

// start runs a service on a configuration.
func start(t *testing.T, side stand.Side, c configuration) (*service, error) {
	place, err := stand.New(t, side)
	if err != nil {
		return nil, err
	}
	v := &service{Service: place}
	if err := os.WriteFile(v.Path("dispatcher.yml"), []byte(c.text(v.Database.ConnInfo())), 0o600); err != nil {
		return v, err
	}
	if v.stage, err = newStage(v.Dir); err != nil {
		return v, err
	}
	return v, v.Run(programs, "project", "dispatcher.yml")
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
