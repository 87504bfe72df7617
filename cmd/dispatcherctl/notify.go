package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"dispatcherd/control"
	"dispatcherd/daemon/message"
	"dispatcherd/pgnotify"
)

// postgres finds the database: the one of the configuration.
func (o *options) postgres() (pgnotify.Config, error) {
	file, cfg, err := o.configuration()
	if err != nil {
		return pgnotify.Config{}, err
	}
	if cfg.PgNotify == nil {
		return pgnotify.Config{}, fmt.Errorf("%s has no [brokers.pg_notify]", file)
	}
	return *cfg.PgNotify, nil
}

// notify publishes a request and collects replies until as many have come as are
// expected, or ctx ends: then those that came are returned.
func (o *options) notify(ctx context.Context, request control.Request) ([]any, error) {
	cfg, err := o.postgres()
	if err != nil {
		return nil, err
	}
	channel, err := cfg.PublishChannel(o.channel)
	if err != nil {
		return nil, err
	}
	replyTo := "reply_to_" + strings.ReplaceAll(newUUID(), "-", "_")
	text, err := message.Split(request.Encode(replyTo), pgnotify.MaxPayload)
	if err != nil {
		return nil, err
	}
	mine := cfg
	mine.Channels, mine.DefaultPublishChannel, mine.MaxConnectionIdle = []string{replyTo}, channel, 0
	m := mailbox{listener: pgnotify.NewListener(mine, slog.New(slog.DiscardHandler)), replies: make(chan any)}
	stop := m.open(ctx)
	defer stop()
	if err := m.ready(ctx); err != nil {
		return nil, err
	}
	publisher := pgnotify.NewPublisher(mine, slog.New(slog.DiscardHandler))
	defer publisher.Close()
	for _, part := range text {
		if err := publisher.Publish(ctx, channel, string(part)); err != nil {
			return nil, err
		}
	}
	return m.collect(ctx, max(o.expected, 1)), nil
}

// mailbox receives replies on a channel of its own.
type mailbox struct {
	listener *pgnotify.Listener
	replies  chan any
}

// open listens until stop is called, which waits for the end of it.
func (m *mailbox) open(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	parts := message.NewAssembler(time.Minute, time.Now)
	go func() {
		defer close(done)
		// Its only error is settings that cannot be parsed, and config.Load has parsed them.
		_ = m.listener.Run(ctx, func(ctx context.Context, n pgnotify.Notification) {
			whole, complete, err := parts.Add([]byte(n.Payload))
			if err != nil || !complete {
				return
			}
			reply, err := message.Decode(whole)
			if _, isObject := reply.(map[string]any); err != nil || !isObject {
				reply = map[string]any{"error": "JSON parse error", "original": n.Payload}
			}
			select {
			case m.replies <- reply:
			case <-ctx.Done():
			}
		})
	}()
	return func() {
		cancel()
		<-done
	}
}

// ready waits until replies can be received.
func (m *mailbox) ready(ctx context.Context) error {
	select {
	case <-m.listener.Ready():
		return nil
	case <-ctx.Done():
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return ctx.Err()
	}
	if reason := m.listener.Stats().LastError; reason != "" {
		return fmt.Errorf("cannot reach Postgres: %s", reason)
	}
	return errors.New("cannot reach Postgres in time")
}

// collect waits for n replies.
func (m *mailbox) collect(ctx context.Context, n int) (replies []any) {
	for len(replies) < n {
		select {
		case r := <-m.replies:
			replies = append(replies, r)
		case <-ctx.Done():
			return replies
		}
	}
	return replies
}
