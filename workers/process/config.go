package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"dispatcherd/workers/supervisor"
)

// Config is the [worker] section of the configuration: the Python that runs
// the tasks.
type Config struct {
	// Python is the interpreter, a path or a name on PATH. Default "python3".
	Python string `toml:"python"`
	// PythonPath is put in front of everything else on sys.path.
	PythonPath []string `toml:"pythonpath"`
	// WorkingDirectory is where workers start. Default: the daemon's own.
	WorkingDirectory string `toml:"working_directory"`
	// Preload names modules that are imported once, before workers are forked.
	Preload []string `toml:"preload"`
	// Class is the worker class, module.Name. Default: the plain worker.
	Class string `toml:"class"`
	// Kwargs are named arguments for the constructor of the worker class; what it
	// does not take is left out. They become JSON on the way: a date is a string.
	// Default: none.
	Kwargs map[string]any `toml:"kwargs"`
	// IdleTimeout is the time without a task after which the worker class's
	// on_idle hook is called. 0 turns it off. Default 0s.
	IdleTimeout time.Duration `toml:"idle_timeout"`
	// Env is added to the environment that workers inherit.
	Env map[string]string `toml:"env"`
	// Tasks says which functions may run: "registered" (marked with @task),
	// "importable" (any function that TasksAllow names) or "any" (also lambda
	// text, which is evaluated). Default "registered".
	Tasks string `toml:"tasks"`
	// TasksAllow are patterns (*, ? and [...]) of task names that may run at
	// all; none means all. Required with Tasks = "importable".
	TasksAllow []string `toml:"tasks_allow"`
	// LeftoverProcesses says what becomes of processes that a task leaves behind: "kill"
	// ends them when it ends, "report" only counts them. Default "kill".
	LeftoverProcesses string `toml:"leftover_processes"`
	// Credentials lets workers have the password of the database in Settings. Default
	// false: they get the connection without it.
	Credentials bool `toml:"credentials"`
	// Settings are the settings of the Python library as a JSON object, for the
	// tasks that publish; nil for none. They are not a key of this section: whoever
	// reads the file makes them of the whole of it.
	Settings json.RawMessage
}

// DefaultConfig returns the section as it is when nothing is configured.
func DefaultConfig() Config {
	return Config{Python: "python3", Tasks: "registered", LeftoverProcesses: "kill"}
}

var dottedName = regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*$`)

// Validate reports every value that cannot be used, a line each.
func (c Config) Validate() error {
	var errs []error
	add := func(key, want string, got any) {
		errs = append(errs, fmt.Errorf("worker.%s: must be %s, got %v", key, want, got))
	}
	if c.Python == "" {
		add("python", "a path or the name of a program", `""`)
	}
	for _, module := range c.Preload {
		if !dottedName.MatchString(module) {
			add("preload", "names of modules such as \"app.tasks\"", fmt.Sprintf("%q", module))
		}
	}
	if c.Class != "" && (!dottedName.MatchString(c.Class) || !strings.Contains(c.Class, ".")) {
		add("class", "a class such as \"app.worker.Worker\"", fmt.Sprintf("%q", c.Class))
	}
	if c.IdleTimeout < 0 {
		add("idle_timeout", "0s or more", c.IdleTimeout)
	}
	if _, err := c.kwargs(); err != nil { // what is wrong with which value could be a secret
		errs = append(errs, errors.New("worker.kwargs: must be made of what JSON has"))
	}
	for name := range c.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || supervisor.Reserved(name) {
			name, _, _ = strings.Cut(name, "=") // what follows could be a secret
			add("env", "variables that a worker may have", fmt.Sprintf("%q", name))
		}
	}
	switch {
	case !slices.Contains([]string{"registered", "importable", "any"}, c.Tasks):
		add("tasks", `"registered", "importable" or "any"`, fmt.Sprintf("%q", c.Tasks))
	case c.Tasks == "importable" && len(c.TasksAllow) == 0:
		errs = append(errs, errors.New(`worker.tasks_allow: must name what may run when worker.tasks is "importable", got nothing`))
	}
	if !slices.Contains([]string{"kill", supervisor.LeaveLeftovers}, c.LeftoverProcesses) {
		add("leftover_processes", `"kill" or "report"`, fmt.Sprintf("%q", c.LeftoverProcesses))
	}
	return errors.Join(errs...)
}

// kwargs returns Kwargs as a JSON object, nil when there are none.
func (c Config) kwargs() (json.RawMessage, error) {
	if len(c.Kwargs) == 0 {
		return nil, nil
	}
	return json.Marshal(c.Kwargs)
}

// Spec is what the supervisor needs to know. The graces are the pool's: the
// supervisor needs them when its daemon is gone.
func (c Config) Spec(generation int, cancelGrace, shutdownGrace time.Duration) supervisor.Spec {
	kwargs, _ := c.kwargs() // Validate has looked
	return supervisor.Spec{
		Generation: generation, Python: c.Python, PythonPath: c.PythonPath,
		WorkingDirectory: c.WorkingDirectory, Preload: c.Preload, Class: c.Class,
		Kwargs: kwargs, Settings: c.Settings, IdleTimeout: c.IdleTimeout, Env: c.Env, Tasks: c.Tasks, TasksAllow: c.TasksAllow,
		CancelGrace: cancelGrace, ShutdownGrace: shutdownGrace, Measure: true, Lanes: true, Leftovers: c.LeftoverProcesses,
	}
}
