package main

import (
	"context"
	"time"
)

// growth has a pool of one worker grow to twelve under twelve tasks, then one by one.
func growth(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	twelve, err := grow(ctx, b, c, 12)
	if err != nil {
		return nil, err
	}
	one, err := grow(ctx, b, c, 2)
	if err != nil {
		return nil, err
	}
	return []figure{
		{"from 1 to 12 workers, all busy", millis(twelve), "ms"},
		{"one more worker, busy", millis(one), "ms"},
	}, nil
}

// patience is how long a pool may take to grow. The original grows by one worker each 15 seconds:
// whoever is not done by then is measured as this.
const patience = 20 * time.Second

func grow(ctx context.Context, b *bed, c contestant, workers int) (time.Duration, error) {
	s, err := c.serve(ctx, b, shape{least: 1, most: workers})
	if err != nil {
		return 0, err
	}
	defer s.stop()
	if err := s.run(ctx, b, 20); err != nil {
		return 0, err
	}
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	g, err := s.hold(within, b, workers)
	took := time.Since(began)
	if err != nil && within.Err() == nil {
		return 0, err
	}
	if g == "" {
		return took, nil
	}
	return took, g.open()
}

// start is the time until four workers are ready.
func start(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	began := time.Now()
	s, err := c.serve(ctx, b, fixed(4))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	return []figure{{"start to 4 ready workers", millis(time.Since(began)), "ms"}}, nil
}
