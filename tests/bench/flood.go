package main

import (
	"context"
	"time"
)

// flood publishes n no-op tasks in one transaction; the clock stops when the last one
// has left its trace. The figures are named after name.
func flood(name string, n, workers int) func(context.Context, *bed, contestant) ([]figure, error) {
	return func(ctx context.Context, b *bed, c contestant) ([]figure, error) {
		s, err := c.serve(ctx, b, fixed(workers))
		if err != nil {
			return nil, err
		}
		defer s.stop()
		const warm = 200
		if err := s.run(ctx, b, warm); err != nil {
			return nil, err
		}
		pids, err := s.workers(ctx)
		if err != nil {
			return nil, err
		}
		before, err := s.costs(pids)
		if err != nil {
			return nil, err
		}
		began := time.Now()
		if err := s.run(ctx, b, n); err != nil {
			return nil, err
		}
		took := time.Since(began)
		after, err := s.costs(pids)
		if err != nil {
			return nil, err
		}
		each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 / float64(n) }
		return []figure{
			{name + ": tasks per second", float64(n) / took.Seconds(), "/s"},
			{name + ": CPU per task, main process", each(after.main - before.main), "µs"},
			{name + ": CPU per task, workers", each(after.workers - before.workers), "µs"},
		}, nil
	}
}

// run has n no-op tasks run.
func (s *service) run(ctx context.Context, b *bed, n int) error {
	before := s.size("marks")
	if err := b.publish(ctx, n, "mark", numbered); err != nil {
		return err
	}
	return s.done(ctx, "marks", before+n)
}

// costs is the CPU time that a service has used so far.
type costs struct{ main, workers time.Duration }

func (s *service) costs(workers []int) (c costs, err error) {
	if c.main, err = cpuTime(s.cmd.Process.Pid); err != nil {
		return c, err
	}
	c.workers, err = cpuTimes(workers)
	return c, err
}
