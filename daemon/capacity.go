package daemon

import (
	"context"

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

// poolConfig is the section [pool], with the workers that there is room for where it does not say.
func (s *service) poolConfig(cfg *config.Config) workers.Config {
	pool := cfg.Pool
	if n := policy.Capacity(s.client.Info().Unit, cfg.Policy.Limits); cfg.Roomy && n > 0 {
		pool.MaxWorkers = 0
		pool = pool.WithCPUs(n)
	}
	return pool
}
