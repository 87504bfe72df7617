package pgnotify

import (
	"context"
	"fmt"
	"time"
)

// usageTimeout bounds the question how full the server's queue is.
const usageTimeout = 5 * time.Second

// QueueUsage returns how much of its queue for notifications the server has in use, from 0 to 1. The
// queue is one for all databases of the server, and what is in it stays until the slowest
// listener has read it; when it is full, NOTIFY fails. It is asked on the publisher's connection.
func (p *Publisher) QueueUsage(ctx context.Context) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, usageTimeout)
	defer cancel()
	select {
	case <-p.turn:
		defer func() { p.turn <- struct{}{} }()
	case <-ctx.Done():
		return 0, fmt.Errorf("ask for the queue's usage: wait for the connection: %w", ctx.Err())
	}
	if err := p.open(ctx); err != nil {
		return 0, fmt.Errorf("ask for the queue's usage: %w", plain(err))
	}
	var usage float64
	if err := p.conn.QueryRow(ctx, "SELECT pg_notification_queue_usage()").Scan(&usage); err != nil {
		if p.conn.IsClosed() {
			p.drop()
		}
		return 0, fmt.Errorf("ask for the queue's usage: %w", plain(err))
	}
	p.used = time.Now()
	return usage, nil
}
