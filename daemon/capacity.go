package daemon

import (
	"context"
	"encoding/json"

	"dispatcherd/daemon/config"
	"dispatcherd/daemon/policy"
	"dispatcherd/workers"
)

// measure takes over what each supervisor says that all workers may use together, until ctx ends.
func (s *service) measure(ctx context.Context) error {
	for {
		select {
		case <-s.client.Welcomed():
		case <-ctx.Done():
			return nil
		}
		s.policy.Measure(s.client.Info().Unit)
		cfg := s.cfg.Load()
		pool := s.poolConfig(cfg)
		s.pool.Use(pool)
		if pool.MaxWorkers != cfg.Pool.MaxWorkers {
			s.log.Info("max_workers is what the workers' unit has room for", "max_workers", pool.MaxWorkers)
		}
	}
}

// Limits describes what workers and tasks may use: what all workers may have together, what
// each may, and which tasks each [[task]] was about.
func (s *service) Limits() map[string]any {
	unit := s.client.Info().Unit
	sections := []map[string]any{}
	for _, section := range s.policy.Sections() {
		sections = append(sections, map[string]any{
			"match": section.Match, "matched_count": section.Matched, "max_concurrency": section.Most,
		})
	}
	return map[string]any{
		"unit":        map[string]any{"memory_bytes": unit.Memory, "tasks": unit.Tasks, "cpus": unit.CPUs},
		"max_workers": s.poolConfig(s.cfg.Load()).MaxWorkers,
		"worker":      json.RawMessage(s.client.Limits()),
		"tasks":       sections,
	}
}

// poolConfig is the section [pool], with the workers that there is room for where it does not say.
func (s *service) poolConfig(cfg *config.Config) workers.Config {
	pool := cfg.Pool
	if n := policy.Capacity(s.client.Info().Unit, cfg.Policy.Limits); cfg.Roomy && n > 0 {
		pool.MaxWorkers = 0
		pool = pool.WithCPUs(n)
	}
	return pool
}
