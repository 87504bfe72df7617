package main

import (
	"context"
	"time"
)

// restTime is how long an idle service is watched.
func restTime(b *bed) time.Duration { return time.Duration(b.few(30, 10)) * time.Second }

// idle measures memory with four workers and with eight, and CPU time.
func idle(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	four, figures, err := atRest(ctx, b, c, 4)
	if err != nil {
		return nil, err
	}
	eight, _, err := atRest(ctx, b, c, 8)
	if err != nil {
		return nil, err
	}
	return append(figures,
		figure{"memory, everything, 4 workers", float64(four) / 1e6, "MB"},
		figure{"memory of each further worker", float64(eight-four) / 4e6, "MB"},
	), nil
}

// atRest returns the proportional memory of all processes, and more about the single ones.
func atRest(ctx context.Context, b *bed, c contestant, workers int) (total int64, figures []figure, err error) {
	s, err := c.serve(ctx, b, fixed(workers))
	if err != nil {
		return 0, nil, err
	}
	defer s.stop()
	pids, err := descendants(s.cmd.Process.Pid)
	if err != nil {
		return 0, nil, err
	}
	for _, pid := range pids {
		one, err := memory(pid, "Pss")
		if err != nil {
			return 0, nil, err
		}
		total += one
	}
	main, err := memory(s.cmd.Process.Pid, "Pss")
	if err != nil {
		return 0, nil, err
	}
	figures = append(figures, figure{"memory, main process", float64(main) / 1e6, "MB"})
	if c == ours {
		pid, err := s.supervisor(ctx)
		if err != nil {
			return 0, nil, err
		}
		holder, err := memory(pid, "Pss")
		if err != nil {
			return 0, nil, err
		}
		figures = append(figures, figure{"memory, supervisor", float64(holder) / 1e6, "MB"})
	}
	if workers > 4 {
		return total, nil, nil
	}
	spent, err := atRestCPU(pids, restTime(b))
	return total, append(figures, figure{"CPU of everything, idle, in a second", spent, "ms"}), err
}

func atRestCPU(pids []int, rest time.Duration) (float64, error) {
	before, err := cpuTimes(pids)
	if err != nil {
		return 0, err
	}
	<-time.After(rest)
	after, err := cpuTimes(pids)
	return millis(after-before) / rest.Seconds(), err
}
