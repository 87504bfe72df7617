// Command bench measures no-op tasks through Postgres, four workers: the Python
// original and ours in turns, on one database, in one run; then what ours holds
// in memory when it is idle. It prints figures and judges nothing.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// contestant is a service that is measured.
type contestant struct {
	name  string
	tasks int // in each round, enough for some seconds
	start func(ctx context.Context, dir, venv string) (*service, error)
	rates []float64
}

func run(ctx context.Context) error {
	rounds := flag.Int("rounds", 5, "rounds of each contestant")
	ours := flag.Int("ours", 60000, "tasks in a round of ours")
	original := flag.Int("original", 10000, "tasks in a round of the original")
	flag.Parse()
	venv := os.Getenv("DISPATCHERD_TEST_VENV")
	if venv == "" || os.Getenv("PGHOST") == "" {
		return errors.New("run it with make bench: it needs a Postgres and the original's library")
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := pgx.Connect(ctx, "")
	if err != nil {
		return err
	}
	defer db.Close(context.WithoutCancel(ctx))

	fmt.Printf("no-op tasks through Postgres, 4 workers, %d CPUs, %s, %d rounds in turns\n", runtime.NumCPU(), runtime.Version(), *rounds)
	all := []*contestant{
		{name: "original", tasks: *original, start: startOriginal},
		{name: "ours", tasks: *ours, start: startOurs},
	}
	for round := range *rounds {
		for _, c := range all {
			rate, err := c.measure(ctx, db, filepath.Join(dir, fmt.Sprintf("%s-%d", c.name, round)), venv)
			if err != nil {
				return fmt.Errorf("%s, round %d: %w", c.name, round+1, err)
			}
			c.rates = append(c.rates, rate)
			fmt.Printf("round %d  %-9s %8.0f tasks/s  (%d tasks)\n", round+1, c.name, rate, c.tasks)
		}
	}
	for _, c := range all {
		fmt.Printf("median   %-9s %8.0f tasks/s  (%.0f to %.0f)\n", c.name, median(c.rates), slices.Min(c.rates), slices.Max(c.rates))
	}
	fmt.Printf("ratio of the medians: %.1f\n", median(all[1].rates)/median(all[0].rates))
	return memory(ctx, dir, venv)
}

// measure runs one round: the tasks are published in one transaction and the
// clock stops when the last one has ended.
func (c *contestant) measure(ctx context.Context, db *pgx.Conn, dir, venv string) (float64, error) {
	s, err := c.start(ctx, dir, venv)
	if err != nil {
		return 0, err
	}
	defer s.stop()
	const warm = 200
	if err := publish(ctx, db, warm); err != nil {
		return 0, err
	}
	if err := s.finished(ctx, warm); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := publish(ctx, db, c.tasks); err != nil {
		return 0, err
	}
	if err := s.finished(ctx, warm+c.tasks); err != nil {
		return 0, err
	}
	return float64(c.tasks) / time.Since(began).Seconds(), nil
}

func publish(ctx context.Context, db *pgx.Conn, n int) error {
	_, err := db.Exec(ctx, `SELECT pg_notify('bench', json_build_object(
		'task', 'bench_tasks.nothing', 'uuid', gen_random_uuid(), 'args', json_build_array(i),
		'time_pub', extract(epoch FROM now()))::text) FROM generate_series(1, $1) AS i`, n)
	return err
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// memory prints the resident memory of our two processes when nothing runs.
func memory(ctx context.Context, dir, venv string) error {
	s, err := startOurs(ctx, filepath.Join(dir, "idle"), venv)
	if err != nil {
		return err
	}
	defer s.stop()
	status, err := s.ask(ctx, "status")
	if err != nil {
		return err
	}
	supervisor := status["supervisor"].(map[string]any)["pid"]
	for name, pid := range map[string]string{"daemon": fmt.Sprint(s.cmd.Process.Pid), "supervisor": fmt.Sprint(supervisor)} {
		rss, err := residentMemory(pid)
		if err != nil {
			return err
		}
		fmt.Printf("idle, resident: %-10s %5.1f MB\n", name, float64(rss)/1e6)
	}
	return nil
}
