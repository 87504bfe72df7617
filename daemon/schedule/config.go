package schedule

import (
	"errors"
	"fmt"
	"time"

	"dispatcherd/daemon/message"
)

// Config lists the tasks that the service produces by itself. The zero value
// is the default: none.
type Config struct {
	// OnStart tasks run once, in order, when the service has started.
	OnStart []Task `toml:"on_start"`
	// Schedule tasks run again and again.
	Schedule []Recurring `toml:"schedule"`
}

// Task is a task message. A publisher would write the same keys; durations
// are strings such as "90s" here.
type Task struct {
	// Task is the name of what is run. It must be set.
	Task string `toml:"task"`
	// Args and Kwargs are what it is called with. Default: nothing.
	Args   []any          `toml:"args"`
	Kwargs map[string]any `toml:"kwargs"`
	// Timeout is how long it may run. Default 0: for ever.
	Timeout time.Duration `toml:"timeout"`
	// Delay is how long it is held before it may run. Default 0.
	Delay time.Duration `toml:"delay"`
	// OnDuplicate says what happens while an equal task is waiting or running:
	// "parallel" (the default), "serial", "discard" or "queue_one".
	OnDuplicate message.OnDuplicate `toml:"on_duplicate"`
	// Message holds any other keys that the message is to have. Default: none.
	Message map[string]any `toml:"message"`
}

// Recurring is a task with a period.
type Recurring struct {
	Task
	// Every is the period. The first run is one period after the start.
	Every time.Duration `toml:"every"`
}

// DefaultConfig is the configuration of a service that produces nothing by itself.
func DefaultConfig() Config { return Config{} }

// Validate names every value that cannot be used.
func (c Config) Validate() error {
	var errs []error
	for i, t := range c.OnStart {
		errs = append(errs, t.validate(fmt.Sprintf("on_start[%d]", i)))
	}
	for i, r := range c.Schedule {
		key := fmt.Sprintf("schedule[%d]", i)
		errs = append(errs, r.validate(key), atLeast(key+".every", r.Every, true))
	}
	return errors.Join(errs...)
}

func (t Task) validate(key string) error {
	var errs []error
	if t.Task == "" {
		errs = append(errs, fmt.Errorf("%s.task: must be the name of a task, got nothing", key))
	}
	errs = append(errs,
		atLeast(key+".timeout", t.Timeout, false),
		atLeast(key+".delay", t.Delay, false))
	switch t.OnDuplicate {
	case "", message.Parallel, message.Serial, message.Discard, message.QueueOne:
	default:
		errs = append(errs, fmt.Errorf("%s.on_duplicate: must be parallel, serial, discard or queue_one, got %q", key, t.OnDuplicate))
	}
	if _, err := list(t.Args); err != nil {
		errs = append(errs, fmt.Errorf("%s.args: %w", key, err))
	}
	if _, err := object(t.Kwargs); err != nil {
		errs = append(errs, fmt.Errorf("%s.kwargs: %w", key, err))
	}
	if _, err := object(t.Message); err != nil {
		errs = append(errs, fmt.Errorf("%s.message: %w", key, err))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return t.validateMessage(key)
}

// validateMessage refuses what could not be read as a task each time it is due.
func (t Task) validateMessage(key string) error {
	m, err := t.message("")
	switch {
	case err != nil:
		return fmt.Errorf("%s.message: %w", key, err)
	case m.IsControl:
		return fmt.Errorf("%s.message.control: must be left out, it makes the message a control request", key)
	}
	return nil
}

// atLeast refuses what is below a millisecond: TOML's bare numbers arrive as
// nanoseconds, and nobody means those.
func atLeast(key string, d time.Duration, required bool) error {
	if d >= time.Millisecond || d == 0 && !required {
		return nil
	}
	return fmt.Errorf("%s: must be a duration with its unit, such as \"30s\", and at least 1ms, got %v", key, d)
}
