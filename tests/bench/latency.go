package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"slices"
	"time"
)

// pause lies between two messages, so that each one meets a service at rest.
const pause = 3 * time.Millisecond

// latency sends one task after the other to an idle service.
func latency(ctx context.Context, b *bed, c contestant) ([]figure, error) {
	n := b.few(1000, 200)
	if c == bare {
		return bareLatency(ctx, b, n)
	}
	s, err := c.serve(ctx, b, fixed(4))
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if err := s.run(ctx, b, 50); err != nil {
		return nil, err
	}
	notified, err := s.delays(ctx, n, func() error { return b.notify(ctx, stampMessage()) })
	if err != nil {
		return nil, err
	}
	line, err := net.Dial("unix", s.socket)
	if err != nil {
		return nil, err
	}
	defer line.Close()
	sent, err := s.delays(ctx, n, func() error { return sendLine(line) })
	if err != nil {
		return nil, err
	}
	return append(delayFigures("NOTIFY", notified), delayFigures("socket", sent)...), nil
}

func delayFigures(way string, delays []time.Duration) []figure {
	return []figure{
		{way + " to the first line, p50", micros(percentile(delays, 50)), "µs"},
		{way + " to the first line, p99", micros(percentile(delays, 99)), "µs"},
	}
}

func sendLine(line net.Conn) error {
	_, err := line.Write([]byte(stampMessage() + "\n"))
	return err
}

func stampMessage() string {
	return fmt.Sprintf(`{"task": "bench_tasks.stamp", "args": [%d]}`, time.Now().UnixNano())
}

// delays sends n tasks and returns by how much each came later.
func (s *service) delays(ctx context.Context, n int, send func() error) ([]time.Duration, error) {
	before, err := s.stamps()
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for range n {
		<-tick.C
		size := s.size("stamps")
		if err := send(); err != nil {
			return nil, err
		}
		if err := s.done(ctx, "stamps", size+1); err != nil {
			return nil, err
		}
	}
	after, err := s.stamps()
	if err != nil {
		return nil, err
	}
	return without(after, before), nil
}

// without takes the elements of before, as often as each is there, out of all.
func without(all, before []time.Duration) []time.Duration {
	count := map[time.Duration]int{}
	for _, d := range before {
		count[d]++
	}
	return slices.DeleteFunc(all, func(d time.Duration) bool {
		count[d]--
		return count[d] >= 0
	})
}

// bareLatency is what the parts cost without a service: the notification is read, or the line
// received, and passed on to a Python that waits for a line.
func bareLatency(ctx context.Context, b *bed, n int) ([]figure, error) {
	p, err := newPython(b, "stamp")
	if err != nil {
		return nil, err
	}
	defer p.stop()
	go io.Copy(io.Discard, p.replies) // a Python whose answers nobody reads stops after some hundred
	l, err := listen(ctx, b)
	if err != nil {
		return nil, err
	}
	defer l.close()
	go l.forward(p)
	notified, err := p.delays(ctx, n, func() error { return b.notify(ctx, stampMessage()) })
	if err != nil {
		return nil, err
	}
	path := filepath.Join(p.dir, "relay.sock")
	relay, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	defer relay.Close()
	go relayLines(relay, p)
	line, err := net.Dial("unix", path)
	if err != nil {
		return nil, err
	}
	defer line.Close()
	sent, err := p.delays(ctx, n, func() error { return sendLine(line) })
	if err != nil {
		return nil, err
	}
	return append(delayFigures("NOTIFY", notified), delayFigures("socket", sent)...), nil
}

func percentile(values []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, len(sorted)*p/100)]
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e3 }
func millis(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
