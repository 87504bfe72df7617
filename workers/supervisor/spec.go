package supervisor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"dispatcherd/cgroups"
)

// maxSpec bounds the JSON text of a spec. The kernel holds about 208 KiB for
// one packet of a SOCK_SEQPACKET socket (net.core.wmem_default).
const maxSpec = 128 << 10

// Spec says how workers are started. It is all that the supervisor knows about
// the project whose tasks they run.
type Spec struct {
	// Generation tells one spec from another in logs. A new one starts a new
	// fork server; workers that live already are left as they are.
	Generation int `json:"generation"`
	// Python is the interpreter: a path, or a name that is looked up on PATH.
	Python string `json:"python"`
	// PythonPath goes before the rest of sys.path.
	PythonPath []string `json:"python_path,omitempty"`
	// WorkingDirectory is where the fork server and the workers are; "" is the
	// supervisor's own directory.
	WorkingDirectory string `json:"working_directory,omitempty"`
	// Preload names the modules that are imported once, before any fork.
	Preload []string `json:"preload,omitempty"`
	// Class is the worker class as "module.Class"; "" is the plain worker.
	Class string `json:"class,omitempty"`
	// Kwargs is a JSON object of named arguments for the worker class; nil is none.
	Kwargs json.RawMessage `json:"kwargs,omitempty"`
	// IdleTimeout is the time without a task after which the worker class's
	// on_idle hook is called; 0 is never.
	IdleTimeout time.Duration `json:"idle_timeout,omitempty"`
	// Env is added to the supervisor's own environment.
	Env map[string]string `json:"env,omitempty"`
	// Tasks is "registered", "importable" or "any": which names may run.
	Tasks string `json:"tasks,omitempty"`
	// TasksAllow are patterns of which a task's name must match one.
	TasksAllow []string `json:"tasks_allow,omitempty"`
	// Settings is a JSON object, the settings of the dispatcherd library in the
	// workers; nil is none. It may hold a password, and goes to the fork server by
	// its socket alone.
	Settings json.RawMessage `json:"settings,omitempty"`
	// CancelGrace and ShutdownGrace are for the drain that the supervisor does
	// by itself once its daemon is gone: how long running tasks may finish, and
	// then how long they have after they were cancelled.
	CancelGrace   time.Duration `json:"cancel_grace,omitempty"`
	ShutdownGrace time.Duration `json:"shutdown_grace,omitempty"`
	// Limits are those of every worker. The ones on memory count from its first task on: a
	// worker that needs more than they allow is then refused, and not killed again and again.
	Limits cgroups.Limits `json:"limits,omitzero"`
	// Require refuses a supervisor that cannot limit everything. It is the client's to check.
	Require bool `json:"-"`
	// Measure has workers say with each task what it has cost. The daemon that asks for it
	// understands the answer.
	Measure bool `json:"measure,omitempty"`
	// Lanes has workers take tasks that they were handed ahead; see Lane. The daemon that asks for
	// it knows what that means.
	Lanes bool `json:"lanes,omitempty"`
	// Leftovers says what becomes of processes that a task leaves behind: they are killed,
	// or with LeaveLeftovers only counted.
	Leftovers string `json:"leftovers,omitempty"`
}

// LeaveLeftovers is the value of Spec.Leftovers that lets them live.
const LeaveLeftovers = "report"

// Check refuses a spec that cannot be sent or carried out.
func (s Spec) Check() error {
	if s.Python == "" {
		return fmt.Errorf("worker spec: python must name an interpreter, got %q", s.Python)
	}
	for _, v := range []any{s, forkSpecOf(s)} {
		text, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("worker spec: %w", err)
		}
		if len(text) > maxSpec {
			return fmt.Errorf("worker spec: must be at most %d bytes as JSON, got %d", maxSpec, len(text))
		}
	}
	return nil
}

// equal says whether o starts the very same fork server.
func (s Spec) equal(o Spec) bool {
	return s.Generation == o.Generation && s.Python == o.Python &&
		slices.Equal(s.PythonPath, o.PythonPath) && s.WorkingDirectory == o.WorkingDirectory &&
		slices.Equal(s.Preload, o.Preload) && s.Class == o.Class && s.IdleTimeout == o.IdleTimeout &&
		maps.Equal(s.Env, o.Env) && s.Measure == o.Measure && s.Tasks == o.Tasks && slices.Equal(s.TasksAllow, o.TasksAllow) &&
		bytes.Equal(s.Kwargs, o.Kwargs) && bytes.Equal(s.Settings, o.Settings)
}
