package main

import (
	"context"
	"slices"
	"time"
)

// queuedAtOnce is the backlog behind which requests are answered.
func queuedAtOnce(b *bed, c contestant) int {
	if c == original {
		return b.few(100_000, 10_000)
	}
	return b.few(100_000, 50_000)
}

// controlUnderLoad asks while tasks are taken in, and while they wait.
func controlUnderLoad(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	s, g, err := c.occupy(ctx, b, fixed(4))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	taken := make(chan error, 1)
	go func() { taken <- s.enqueue(ctx, b, queuedAtOnce(b, c), numbered) }()
	intake, err := s.answers(ctx, "alive", func() bool { return len(taken) > 0 })
	if err != nil {
		return nil, err
	}
	if err := <-taken; err != nil {
		return nil, err
	}
	figures := []figure{{"alive while tasks are taken in, p99", millis(percentile(intake, 99)), "ms"}}
	for _, command := range []string{"alive", "main"} {
		left := 300
		waiting, err := s.answers(ctx, command, func() bool { left--; return left < 0 })
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{command + " while tasks are queued, p99", millis(percentile(waiting, 99)), "ms"})
	}
	return figures, g.open()
}

// answers asks again and again, on one connection, and returns how long each answer took.
func (s *service) answers(ctx context.Context, command string, enough func() bool) ([]time.Duration, error) {
	a, err := s.asker(ctx)
	if err != nil {
		return nil, err
	}
	defer a.close()
	var took []time.Duration
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !enough() {
		<-tick.C
		began := time.Now()
		if err := a.ask(command); err != nil {
			return nil, err
		}
		took = append(took, time.Since(began))
	}
	return took, nil
}

// listing asks for all tasks while 10 000 wait, and meanwhile for signs of life.
func listing(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	s, g, err := c.occupy(ctx, b, fixed(4))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := s.enqueue(ctx, b, 10_000, numbered); err != nil {
		return nil, err
	}
	var took []time.Duration
	listed := make(chan error, 1)
	go func() {
		left := b.few(20, 5)
		var err error
		took, err = s.answers(ctx, "running", func() bool { left--; return left < 0 })
		listed <- err
	}()
	others, err := s.answers(ctx, "alive", func() bool { return len(listed) > 0 })
	if err != nil {
		return nil, err
	}
	if err := <-listed; err != nil {
		return nil, err
	}
	return []figure{
		{"running with 10 000 queued, p50", millis(percentile(took, 50)), "ms"},
		{"alive meanwhile, p99", millis(percentile(others, 99)), "ms"},
		{"alive meanwhile, longest", millis(slices.Max(others)), "ms"},
	}, g.open()
}
