package commands

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"dispatcherd/control"
	"dispatcherd/daemon/dispatch"
	"dispatcherd/daemon/history"
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
	// Submit takes a message as if the caller had sent it; watch, if not nil, gets the
	// end of the task.
	Submit(ctx context.Context, by control.Caller, m *message.Message, watch chan<- dispatch.Ended) error
	// Main returns the counters of messages: received and control requests.
	Main() (received, control uint64)
	// Producers describes the sources of messages, by name.
	Producers() map[string]any
	// Metrics describes the page for Prometheus; nil when there is none.
	Metrics() map[string]any
	// Supervisor describes the process that holds the workers.
	Supervisor() map[string]any
	// RunEnabled says whether tasks may be submitted by control request.
	RunEnabled() bool
	// Chunks shows the messages that came in parts.
	Chunks() (message.ChunkStats, []message.Partial)
	// Memory measures the daemon and its workers.
	Memory(ctx context.Context) (Memory, error)
	// LogLevel is what the daemon logs.
	LogLevel() *LogLevel
	// Drain has tasks not be taken any more, or taken again.
	Drain(ctx context.Context, drain bool) error
	// Reload has the configuration read again.
	Reload(ctx context.Context) (Reloaded, error)
	// History is how the last tasks have ended.
	History() *history.Ring
	// Notes say what of the configuration has no effect or needs to be known.
	Notes() []string
	// Unsafe says, in a line, what the configuration leaves as open as the Python original; "" for nothing.
	Unsafe() string
	// CancelsWithoutFilter says whether a cancel that names no task is one of every task.
	CancelsWithoutFilter() bool
	// Limits describes what workers and tasks may use.
	Limits() map[string]any
}

// Call is one control request.
type Call struct {
	Data []byte // JSON of control_data, nil when absent
	Wait bool   // the caller wants to know how a task that it submits ends
	// Caller is who has sent it, and may have this command carried out.
	Caller control.Caller
}

// Answer is the reply to a request.
type Answer struct {
	Reply map[string]any
	// Order is that of the keys of Reply; nil where it means nothing.
	Order []string
	// BadData says that control_data was not what the command takes; Reply says why.
	BadData bool
	// UUIDs are those of the tasks that the command has done something to.
	UUIDs []string
	// Ended gets the end of a submitted task when the caller wants to wait for
	// it; nil otherwise.
	Ended <-chan dispatch.Ended
}

// Object is the reply in its order.
func (a Answer) Object() message.Object {
	order := a.Order
	if order == nil {
		order = slices.Sorted(maps.Keys(a.Reply))
	}
	object := make(message.Object, len(order), len(order)+1)
	for i, key := range order {
		object[i] = message.Member{Name: key, Value: a.Reply[key]}
	}
	return object
}

type command func(t *Table, ctx context.Context, c Call) (Answer, error)

// table is every command there is.
var table = map[string]command{
	"aio_tasks":        aioTasks,
	"alive":            alive,
	"cancel":           cancel,
	"chunks":           chunks,
	"drain":            drain,
	"history":          ends,
	"main":             counters,
	"memory":           memory,
	"memory_offenders": memoryOffenders,
	"metrics":          pageOfMetrics,
	"producers":        producers,
	"reload":           reload,
	"run":              run,
	"running":          running,
	"set_log_level":    setLogLevel,
	"status":           status,
	"task":             showTask,
	"tasks":            countTasks,
	"workers":          listWorkers,
}

// Table carries out commands.
type Table struct {
	commands map[string]command // for status, which is one of them
	tasks    Tasks
	workers  Workers
	service  Service
}

// NewTable returns a table that asks the given parts.
func NewTable(t Tasks, w Workers, s Service) *Table {
	return &Table{commands: table, tasks: t, workers: w, service: s}
}

var errNoName = errors.New("control must be a string, the name of a command")

// wording is an error in the words of the original.
type wording string

func (w wording) Error() string { return string(w) }

// badData is what is wrong with control_data.
type badData string

func (b badData) Error() string { return "control_data" + string(b) }

// Do carries out the command of that name. Whatever goes wrong is in the
// reply, under "error".
func (t *Table) Do(ctx context.Context, name string, c Call) Answer {
	do, ok := t.commands[name]
	switch {
	case name == "": // which also stands for whatever is no string
		return Failed(errNoName)
	case !ok:
		return Answer{Reply: map[string]any{"error": "No control method " + name}}
	}
	answer, err := do(t, ctx, c)
	if err != nil {
		return Failed(err)
	}
	return answer
}

// Failed is the answer that says why there is no other.
func Failed(err error) Answer {
	var bad badData
	return Answer{Reply: map[string]any{"error": err.Error()}, BadData: errors.As(err, &bad)}
}

// object reads control_data, which must be an object if it is there.
func (c Call) object() (map[string]any, error) {
	if c.Data == nil {
		return map[string]any{}, nil
	}
	v, err := message.Decode(c.Data)
	if err != nil {
		return nil, badData(": " + err.Error())
	}
	data, ok := v.(map[string]any)
	if !ok {
		return nil, badData(" must be an object")
	}
	return data, nil
}

// wholeNumber reads an integer of control_data: usual is for an absent one, none for null.
func wholeNumber(data map[string]any, key string, usual, none int) (int, error) {
	value, ok := data[key]
	switch {
	case !ok:
		return usual, nil
	case value == nil:
		return none, nil
	}
	text, _ := value.(message.Number)
	n, err := strconv.Atoi(string(text))
	if err != nil {
		return 0, badData(": " + key + " must be a whole number")
	}
	return n, nil
}
