// Package policy decides what each task may use: its limits, its time, and how many of its
// kind run at once.
package policy

import (
	"errors"
	"fmt"
	"time"

	"dispatcherd/cgroups"
)

// Config is the sections [limits] and [[task]]. The zero value is the default: nothing is limited.
type Config struct {
	// Limits are those of every worker.
	Limits cgroups.Limits
	// Tasks say more about the tasks of some names.
	Tasks []Task
}

// Task is about the tasks whose name matches; of several the first counts.
type Task struct {
	// Match is a pattern of names with *, ? and [...], as worker.tasks_allow has them. It must be set.
	Match string `toml:"match"`
	// Timeout is how long they may run, if their messages do not say less. Default 0: for ever.
	Timeout time.Duration `toml:"timeout"`
	// Limits take the place of those of every worker, key by key. Default: none.
	Limits cgroups.Limits `toml:"limits"`
	// MaxConcurrency is how many of them run at once, all names together. Default 0: any number.
	MaxConcurrency int `toml:"max_concurrency"`
}

// Validate names every value that cannot be used.
func (c Config) Validate() error {
	errs := []error{c.Limits.Check("limits")}
	for i, t := range c.Tasks {
		errs = append(errs, t.validate(fmt.Sprintf("task[%d]", i)), c.reachable(i))
	}
	return errors.Join(errs...)
}

func (t Task) validate(key string) error {
	var errs []error
	if t.Match == "" {
		errs = append(errs, fmt.Errorf(`%s.match: must be a pattern of names such as "reports.*", got nothing`, key))
	}
	if t.Timeout < 0 {
		errs = append(errs, fmt.Errorf("%s.timeout: must be 0s or more, got %v", key, t.Timeout))
	}
	if t.MaxConcurrency < 0 {
		errs = append(errs, fmt.Errorf("%s.max_concurrency: must be 0 or more, got %d", key, t.MaxConcurrency))
	}
	return errors.Join(append(errs, t.Limits.Check(key+".limits"))...)
}

// reachable refuses a section behind one that takes all its names. Whether a name will ever
// match is not known before it comes: see Policy.Sections.
func (c Config) reachable(i int) error {
	for j, earlier := range c.Tasks[:i] {
		if m := c.Tasks[i].Match; m != "" && (earlier.Match == "*" || earlier.Match == m) {
			return fmt.Errorf("task[%d].match: must come before task[%d] (%q), which takes every name that it matches, got %q", i, j, earlier.Match, m)
		}
	}
	return nil
}
