package commands

import (
	"context"
	"errors"
	"fmt"

	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/message"
	"dispatcherd/workers"
)

// Tasks is what the commands ask about tasks.
type Tasks interface {
	Tasks(ctx context.Context, f dispatch.Filter) ([]dispatch.Entry, error)
	Cancel(ctx context.Context, f dispatch.Filter) ([]dispatch.Entry, error)
	Stats(ctx context.Context) (dispatch.Stats, error)
}

// Workers is what the commands ask about workers.
type Workers interface {
	Workers() []workers.Info
	Stats() workers.Stats
}

// Service is what the commands ask of the daemon as a whole.
type Service interface {
	// Submit takes a message as if it had come in from outside; watch, if not
	// nil, gets the end of the task.
	Submit(ctx context.Context, m *message.Message, watch chan<- dispatch.Ended) error
	// Main returns the counters of messages: received and control requests.
	Main() (received, control uint64)
	// Producers describes the sources of messages, by name.
	Producers() map[string]any
	// Metrics describes the page for Prometheus; nil when there is none.
	Metrics() map[string]any
	// Supervisor describes the process that holds the workers.
	Supervisor() map[string]any
}

// Call is one control request.
type Call struct {
	Data []byte // JSON of control_data, nil when absent
	Wait bool   // the caller wants to know how a task that it submits ends
}

// Answer is the reply to a request.
type Answer struct {
	Reply map[string]any
	// Ended gets the end of a submitted task when the caller wants to wait for
	// it; nil otherwise.
	Ended <-chan dispatch.Ended
}

type command func(t *Table, ctx context.Context, c Call) (Answer, error)

// table is every command there is.
var table = map[string]command{
	"alive":     alive,
	"cancel":    cancel,
	"main":      counters,
	"metrics":   pageOfMetrics,
	"producers": producers,
	"run":       run,
	"running":   running,
	"status":    status,
	"workers":   listWorkers,
}

// Table carries out commands.
type Table struct {
	tasks   Tasks
	workers Workers
	service Service
}

// NewTable returns a table that asks the given parts.
func NewTable(t Tasks, w Workers, s Service) *Table {
	return &Table{tasks: t, workers: w, service: s}
}

var errNoName = errors.New("control must be a string, the name of a command")

// Do carries out the command of that name. Whatever goes wrong is in the
// reply, under "error".
func (t *Table) Do(ctx context.Context, name string, c Call) Answer {
	do, ok := table[name]
	switch {
	case name == "": // which also stands for whatever is no string
		return failed(errNoName)
	case !ok:
		return Answer{Reply: map[string]any{"error": "No control method " + name}}
	}
	answer, err := do(t, ctx, c)
	if err != nil {
		return failed(err)
	}
	return answer
}

func failed(err error) Answer {
	return Answer{Reply: map[string]any{"error": err.Error()}}
}

// object reads control_data, which must be an object if it is there.
func (c Call) object() (map[string]any, error) {
	if c.Data == nil {
		return map[string]any{}, nil
	}
	v, err := message.Decode(c.Data)
	if err != nil {
		return nil, fmt.Errorf("control_data: %w", err)
	}
	data, ok := v.(map[string]any)
	if !ok {
		return nil, errors.New("control_data must be an object")
	}
	return data, nil
}
