package workers

import (
	"errors"
	"fmt"
	"time"
)

// Config is the [pool] section of the configuration.
type Config struct {
	// MinWorkers is how many workers are kept when there is nothing to do. Default 1.
	MinWorkers int `toml:"min_workers"`
	// MaxWorkers is how many workers there may be at once. Default: what the workers'
	// unit has room for, at least MinWorkers; see WithCPUs.
	MaxWorkers int `toml:"max_workers"`
	// HandAhead is how many tasks may wait at a busy worker whose last tasks were quick, so that it
	// need not ask for each. 0 turns it off. Default 16.
	HandAhead int `toml:"hand_ahead"`
	// ScaledownWait is how long a worker must have been more than was needed
	// before it is stopped. Default 15s.
	ScaledownWait time.Duration `toml:"scaledown_wait"`
	// ScaledownReserve is how many workers beyond those that are needed are kept
	// although nothing has needed them. Default 0.
	ScaledownReserve int `toml:"scaledown_reserve"`
	// WorkerRemovalWait is how long a worker whose process has ended stays in the
	// list of workers. Default 30s.
	WorkerRemovalWait time.Duration `toml:"worker_removal_wait"`
	// WorkerMaxLifetime is the age at which a worker is replaced, once it is
	// idle. 0 turns it off. Default 4h.
	WorkerMaxLifetime time.Duration `toml:"worker_max_lifetime"`
	// CancelGrace is how long a task may go on after a cancel or timeout signal
	// before its worker is killed, and a worker for leaving, if it is more than
	// leaveBound. Default 10s.
	CancelGrace time.Duration `toml:"cancel_grace"`
	// ShutdownGrace is how long running tasks may finish when the service
	// stops, before they are cancelled. Default 30s.
	ShutdownGrace time.Duration `toml:"shutdown_grace"`
}

// DefaultConfig returns the section as it is when nothing is configured.
func DefaultConfig() Config {
	return Config{
		MinWorkers:        1,
		MaxWorkers:        0,
		HandAhead:         16,
		ScaledownWait:     15 * time.Second,
		WorkerRemovalWait: 30 * time.Second,
		WorkerMaxLifetime: 4 * time.Hour,
		CancelGrace:       10 * time.Second,
		ShutdownGrace:     30 * time.Second,
	}
}

// WithCPUs fills in MaxWorkers where it was left out.
func (c Config) WithCPUs(cpus int) Config {
	if c.MaxWorkers == 0 {
		c.MaxWorkers = max(cpus, c.MinWorkers, 1)
	}
	return c
}

// Validate reports every value that cannot be used, a line each.
func (c Config) Validate() error {
	var errs []error
	add := func(key, want string, got any) {
		errs = append(errs, fmt.Errorf("pool.%s: must be %s, got %v", key, want, got))
	}
	if c.MinWorkers < 0 {
		add("min_workers", "0 or more", c.MinWorkers)
	}
	switch {
	case c.MaxWorkers < 0:
		add("max_workers", "at least 1", c.MaxWorkers)
	case c.MaxWorkers != 0 && c.MaxWorkers < c.MinWorkers:
		add("max_workers", fmt.Sprintf("at least pool.min_workers (%d)", c.MinWorkers), c.MaxWorkers)
	}
	if c.HandAhead < 0 || c.HandAhead > maxAhead {
		add("hand_ahead", fmt.Sprintf("0 to %d", maxAhead), c.HandAhead)
	}
	if c.ScaledownReserve < 0 {
		add("scaledown_reserve", "0 or more", c.ScaledownReserve)
	}
	for _, d := range []struct {
		key   string
		value time.Duration
	}{
		{"scaledown_wait", c.ScaledownWait},
		{"worker_removal_wait", c.WorkerRemovalWait},
		{"worker_max_lifetime", c.WorkerMaxLifetime},
		{"cancel_grace", c.CancelGrace},
		{"shutdown_grace", c.ShutdownGrace},
	} {
		if d.value < 0 {
			add(d.key, "0s or more", d.value)
		}
	}
	return errors.Join(errs...)
}
