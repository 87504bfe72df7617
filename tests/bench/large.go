package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"dispatcherd/daemon/message"
)

const megabyte = 1 << 20

// large publishes tasks with arguments of a megabyte, in chunks.
func large(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	s, err := c.serve(ctx, b, fixed(4))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := s.run(ctx, b, 200); err != nil {
		return nil, err
	}
	before, err := memory(s.cmd.Process.Pid, "Anonymous")
	if err != nil {
		return nil, err
	}
	n := b.few(100, 30)
	marks := s.size("marks")
	chunks, err := largeMessages(n)
	if err != nil {
		return nil, err
	}
	began := time.Now()
	if _, err := b.db.Exec(ctx, "SELECT pg_notify('bench', p) FROM unnest($1::text[]) AS p", chunks); err != nil {
		return nil, err
	}
	if err := s.done(ctx, "marks", marks+n); err != nil {
		return nil, err
	}
	rate := float64(n) * megabyte / 1e6 / time.Since(began).Seconds()
	after, err := memory(s.cmd.Process.Pid, "Anonymous")
	if err != nil {
		return nil, err
	}
	return []figure{
		{"arguments of 1 MB", rate, "MB/s"},
		{"main process after it, more by", float64(after-before) / 1e6, "MB"},
	}, nil
}

func largeMessages(n int) ([]string, error) {
	var chunks []string
	for i := range n {
		text := fmt.Sprintf(`{"task": "bench_tasks.mark", "uuid": "large-%d", "args": ["%s"]}`, i, strings.Repeat("x", megabyte))
		parts, err := message.Split([]byte(text), 7999)
		if err != nil {
			return nil, err
		}
		for _, p := range parts {
			chunks = append(chunks, string(p))
		}
	}
	return chunks, nil
}
