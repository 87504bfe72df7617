package dispatch

import (
	"errors"
	"fmt"
	"strings"

	"dispatcherd/cgroups"
)

// What a full queue does with a task that a sender brings who hears no answer.
const (
	Reject = "reject" // it ends as rejected
	Pause  = "pause"  // it waits with whoever has brought it, who reads no further
)

// Config is the section [queue]: how much may wait here, delayed and blocked tasks included.
type Config struct {
	// MaxTasks is how many tasks may wait; 0 is any number. Default 1000000.
	MaxTasks int `toml:"max_tasks"`
	// MaxBytes is what they may take: their texts, and a kibibyte for each. "infinity" or "0"
	// is any amount. Default "1G".
	MaxBytes cgroups.Size `toml:"max_bytes"`
	// OnFull is what happens to a task for which there is no room: Reject or Pause. Default Reject.
	OnFull string `toml:"on_full"`
}

// DefaultConfig returns the section as it is when it says nothing. The original has no bound; what
// fills this one would take it several times as much memory, and a process that is killed for
// want of memory loses all that waits.
func DefaultConfig() Config {
	c := Config{MaxTasks: 1_000_000, OnFull: Reject}
	if err := c.MaxBytes.UnmarshalText([]byte("1G")); err != nil {
		return Config{OnFull: Reject} // it is a size
	}
	return c
}

// Validate reports every value that cannot be used, a line each.
func (c Config) Validate() error {
	var errs []error
	if c.MaxTasks < 0 {
		errs = append(errs, fmt.Errorf("queue.max_tasks: must be at least 0 (which is any number), got %d", c.MaxTasks))
	}
	if text := c.MaxBytes.String(); strings.HasSuffix(text, "%") {
		errs = append(errs, fmt.Errorf(`queue.max_bytes: must be a size such as "512M", or "infinity", got %q`, text))
	}
	if c.OnFull != Reject && c.OnFull != Pause {
		errs = append(errs, fmt.Errorf("queue.on_full: must be %q or %q, got %q", Reject, Pause, c.OnFull))
	}
	return errors.Join(errs...)
}
