package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// queuedMemory is what the main process has grown by, for each task that waits. Ours collects
// garbage early, so that hardly anything else than what it holds is counted, and says after each
// collection how much of its heap is live.
func queuedMemory(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	s, g, err := c.occupy(ctx, b, shape{least: 1, most: 1, env: []string{"GOGC=2", "GODEBUG=gctrace=1"}})
	if err != nil {
		return nil, err
	}
	defer s.stop()
	before, err := memory(s.cmd.Process.Pid, "Anonymous")
	if err != nil {
		return nil, err
	}
	n := queuedAtOnce(b, c)
	const padded = `jsonb_build_object('args', jsonb_build_array(i, repeat('x', 50)))` // 200 bytes in all
	if err := s.enqueue(ctx, b, n, padded); err != nil {
		return nil, err
	}
	after, err := memory(s.cmd.Process.Pid, "Anonymous")
	if err != nil {
		return nil, err
	}
	figures := []figure{{"resident memory for each queued task of 200 bytes", float64(after-before) / float64(n), "B"}}
	if c == ours {
		live, err := s.liveGrowth()
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{"live heap for each queued task of 200 bytes", float64(live) / float64(n), "B"})
	}
	return figures, g.open()
}

// collection is how the line of the runtime about a collection ends: the heap before it, at its end, and
// what of it is live, in MiB.
var collection = regexp.MustCompile(`(?m)^gc \d+ .* \d+->\d+->(\d+) MB`)

// liveGrowth is by how many bytes, to the MiB, what is live of the heap of a service that traces its collections has
// grown from its first collection to its last one.
func (s *service) liveGrowth() (int64, error) {
	said, err := os.ReadFile(filepath.Join(s.dir, "log"))
	if err != nil {
		return 0, err
	}
	all := collection.FindAllSubmatch(said, -1)
	if len(all) < 2 {
		return 0, fmt.Errorf("the service tells of %d collections", len(all))
	}
	first, err1 := strconv.ParseInt(string(all[0][1]), 10, 64)
	last, err2 := strconv.ParseInt(string(all[len(all)-1][1]), 10, 64)
	return (last - first) << 20, errors.Join(err1, err2)
}

// enqueue publishes n tasks, in portions, and waits until they are taken in.
func (s *service) enqueue(ctx context.Context, b *bed, n int, extra string) error {
	before, err := s.taken(ctx)
	if err != nil {
		return err
	}
	if err := b.publish(ctx, n, "mark", extra); err != nil {
		return err
	}
	return s.received(ctx, before, n)
}

// backlog measures the drain of a short and of a long queue: of as many as [queuedAtOnce] says.
func backlog(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	var figures []figure
	for _, queue := range []struct {
		name  string
		tasks int
	}{{"drain of 1 000 queued tasks", 1_000}, {"drain of a long queue", queuedAtOnce(b, c)}} {
		rate, err := drain(ctx, b, c, queue.tasks)
		if err != nil {
			return nil, err
		}
		figures = append(figures, figure{queue.name, rate, "/s"})
	}
	return figures, nil
}

func drain(ctx context.Context, b *bed, c contestant, n int) (float64, error) {
	s, err := c.serve(ctx, b, fixed(4))
	if err != nil {
		return 0, err
	}
	defer s.stop()
	if err := s.run(ctx, b, 200); err != nil {
		return 0, err
	}
	g, err := s.hold(ctx, b, 4)
	if err != nil {
		return 0, err
	}
	if err := s.enqueue(ctx, b, n, numbered); err != nil {
		return 0, err
	}
	marks := s.size("marks")
	began := time.Now()
	if err := g.open(); err != nil {
		return 0, err
	}
	if err := s.done(ctx, "marks", marks+n); err != nil {
		return 0, err
	}
	return float64(n) / time.Since(began).Seconds(), nil
}

// duplicates submits equal tasks behind a running one, n and then as many again: where the
// second half costs more than the first one, the cost is not linear.
func duplicates(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	n := 10_000
	if c == original {
		n = b.few(4_000, 1_000) // it takes minutes for more
	}
	var figures []figure
	for _, policy := range []string{"serial", "discard", "queue_one"} {
		first, second, err := costOfEquals(ctx, b, c, n/2, policy)
		if err != nil {
			return nil, err
		}
		figures = append(figures,
			figure{fmt.Sprintf("each equal task, %s", policy), micros(first+second) / float64(n), "µs"},
			figure{fmt.Sprintf("second half of them to the first, %s", policy), float64(second) / float64(first), ""})
	}
	return figures, nil
}

// costOfEquals is the CPU time that the main process has needed for two times n equal tasks behind
// one that runs.
func costOfEquals(ctx context.Context, b *bed, c contestant, n int, policy string) (first, second time.Duration, err error) {
	s, g, err := c.occupy(ctx, b, fixed(4)) // so that not even the first one ends
	if err != nil {
		return 0, 0, err
	}
	defer s.stop()
	extra := fmt.Sprintf(`'{"args": [], "on_duplicate": "%s"}'::jsonb`, policy)
	var spent []time.Duration
	for range 2 {
		before, err := cpuTime(s.cmd.Process.Pid)
		if err != nil {
			return 0, 0, err
		}
		if err := s.enqueue(ctx, b, n, extra); err != nil {
			return 0, 0, err
		}
		after, err := cpuTime(s.cmd.Process.Pid)
		if err != nil {
			return 0, 0, err
		}
		spent = append(spent, after-before)
	}
	return spent[0], spent[1], g.open()
}

// delayed has many tasks due at once; each leaves by how much it was late.
func delayed(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	s, err := c.serve(ctx, b, fixed(4))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	n := b.few(10_000, 2_000)
	const ahead = 6 * time.Second
	due := time.Now().Add(ahead)
	// The delay counts from the arrival: what is left of the time when the message is made.
	extra := fmt.Sprintf(`jsonb_build_object('args', jsonb_build_array(%d),
		'delay', %d / 1e9 - extract(epoch FROM clock_timestamp()))`, due.UnixNano(), due.UnixNano())
	if err := b.publish(ctx, n, "stamp", extra); err != nil {
		return nil, err
	}
	if err := until(ctx, "the delayed tasks have run", 20*time.Millisecond, func() bool {
		late, err := s.stamps()
		return err == nil && len(late) >= n
	}); err != nil {
		return nil, err
	}
	late, err := s.stamps()
	if err != nil {
		return nil, err
	}
	return []figure{
		{"last of the tasks that are due at once, late by", millis(slices.Max(late)), "ms"},
		{"the earliest of them, late by", millis(slices.Min(late)), "ms"},
	}, nil
}
