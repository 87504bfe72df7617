package workers

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDefaultConfigIsValid(t *testing.T) {
	t.Parallel()
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("Validate() = %v", err)
	}
}

func TestValidateNamesKeyBoundAndValue(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(c *Config)
		want   string
	}{
		{"min_workers", func(c *Config) { c.MinWorkers = -1 }, "pool.min_workers: must be 0 or more, got -1"},
		{"max_workers", func(c *Config) { c.MaxWorkers = -1 }, "pool.max_workers: must be at least 1, got -1"},
		{"max below min", func(c *Config) { c.MinWorkers, c.MaxWorkers = 4, 2 }, "pool.max_workers: must be at least pool.min_workers (4), got 2"},
		{"scaledown_wait", func(c *Config) { c.ScaledownWait = -time.Second }, "pool.scaledown_wait: must be 0s or more, got -1s"},
		{"worker_max_lifetime", func(c *Config) { c.WorkerMaxLifetime = -time.Second }, "pool.worker_max_lifetime: must be 0s or more, got -1s"},
		{"cancel_grace", func(c *Config) { c.CancelGrace = -time.Second }, "pool.cancel_grace: must be 0s or more, got -1s"},
		{"all at once", func(c *Config) { c.MinWorkers, c.ShutdownGrace = -1, -time.Second }, "pool.min_workers: must be 0 or more, got -1\npool.shutdown_grace: must be 0s or more, got -1s"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := DefaultConfig()
			tt.change(&cfg)
			err := cfg.Validate()
			if err == nil {
				t.Fatalf("Validate(%+v) = nil, want %q", cfg, tt.want)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("Validate() (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMaximumFollowsTheCPUsWhenLeftOut(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ least, most, cpus, want int }{
		{1, 0, 8, 8},
		{4, 0, 2, 4},
		{0, 0, 0, 1},
		{1, 3, 8, 3},
	} {
		got := Config{MinWorkers: tt.least, MaxWorkers: tt.most}.WithCPUs(tt.cpus).MaxWorkers
		if got != tt.want {
			t.Errorf("min %d, max %d, %d CPUs: max is %d, want %d", tt.least, tt.most, tt.cpus, got, tt.want)
		}
	}
}
