package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"sync/atomic"
	"time"

	"dispatcherd/control"
	"dispatcherd/daemon/message"
	"dispatcherd/pgnotify"
)

const (
	// replyBound is how long a reply over Postgres may take.
	replyBound = 10 * time.Second
	// roomBound is how long a reply may wait behind others, and hold up what the
	// listener brings next: less than the listener's bound to stop.
	roomBound = 3 * time.Second
)

// postgresSource is LISTEN and NOTIFY.
type postgresSource struct {
	listener  *pgnotify.Listener
	publisher *pgnotify.Publisher
	replies   chan reply
	access    atomic.Pointer[control.Access]
	log       *slog.Logger
	since     time.Time
}

// reply is a text that waits to be published.
type reply struct {
	channel string
	text    []byte
}

var _ Source = (*postgresSource)(nil)

func newPostgresSource(cfg pgnotify.Config, access control.Access, log *slog.Logger) *postgresSource {
	s := &postgresSource{
		listener:  pgnotify.NewListener(cfg, log),
		publisher: pgnotify.NewPublisher(cfg, log),
		replies:   make(chan reply, 256),
		log:       log,
		since:     time.Now(),
	}
	s.access.Store(&access)
	return s
}

// use has other settings count from now on; the listener and the publisher are told only if
// theirs have changed.
func (s *postgresSource) use(was, is pgnotify.Config, access control.Access) {
	s.access.Store(&access)
	if !reflect.DeepEqual(was, is) {
		s.listener.Use(is)
		s.publisher.Use(is)
	}
}

func (s *postgresSource) Name() string { return "pg_notify-producer" }

func (s *postgresSource) Run(ctx context.Context, handle func(context.Context, Incoming)) error {
	stopping := ctx.Done()
	return s.listener.Run(ctx, func(ctx context.Context, n pgnotify.Notification) {
		// A reply may be due after the listening has ended.
		handle(context.WithoutCancel(ctx), Incoming{
			Payload: []byte(n.Payload), Channel: n.Channel, Reply: s.reply, Stopping: stopping,
			Caller: control.Unnamed{Access: *s.access.Load(), Key: "brokers.pg_notify.control"},
			Hold:   func() func() { return func() {} }, // a channel stays open
		})
	})
}

// reply queues a reply: it is published on a connection of its own, so that it
// is not delayed by a notification. A burst of requests goes no faster than its
// replies.
func (s *postgresSource) reply(ctx context.Context, replyTo string, text []byte) error {
	r := reply{replyTo, text}
	select {
	case s.replies <- r:
		return nil
	default:
	}
	room := time.NewTimer(roomBound)
	defer room.Stop()
	select {
	case s.replies <- r:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-room.C:
		return fmt.Errorf("%d replies wait already to be published", cap(s.replies))
	}
}

// runReplies publishes replies until ctx ends, and then those that wait already.
func (s *postgresSource) runReplies(ctx context.Context) error {
	defer s.publisher.Close()
	for {
		select {
		case r := <-s.replies:
			if ctx.Err() != nil {
				return s.publishRest(ctx, r)
			}
			// One that is under way is not cut off by the end of ctx.
			s.publish(context.WithoutCancel(ctx), r)
		case <-ctx.Done():
			return s.publishRest(ctx)
		}
	}
}

// publishRest publishes first and what waits already, for a second.
func (s *postgresSource) publishRest(ctx context.Context, first ...reply) error {
	rest, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	for _, r := range first {
		s.publish(rest, r)
	}
	for {
		select {
		case r := <-s.replies:
			s.publish(rest, r)
		default:
			return nil
		}
	}
}

func (s *postgresSource) publish(ctx context.Context, r reply) {
	ctx, cancel := context.WithTimeout(ctx, replyBound)
	defer cancel()
	parts, err := message.Split(r.text, pgnotify.MaxPayload)
	for _, part := range parts {
		if err == nil {
			err = s.publisher.Publish(ctx, r.channel, string(part))
		}
	}
	if err != nil {
		s.log.Warn("reply could not be published", "channel", r.channel, "err", err)
	}
}

// Rejected is 0: Postgres lets nothing through that is no text.
func (s *postgresSource) Rejected() uint64 { return 0 }

func (s *postgresSource) Describe() map[string]any {
	stats := s.listener.Stats()
	check := map[string]any{
		"enabled": stats.SelfCheck.Enabled, "success_count": stats.SelfCheck.Count,
		"average_time_seconds": nil, "max_time_seconds": nil,
	}
	if stats.SelfCheck.Count > 0 {
		check["average_time_seconds"] = stats.SelfCheck.Average().Seconds()
		check["max_time_seconds"] = stats.SelfCheck.Max.Seconds()
	}
	return map[string]any{
		"produced_count":    stats.Received,
		"uptime_seconds":    time.Since(s.since).Seconds(),
		"recycle_count":     stats.Reconnects,
		"broker_self_check": check,
		"connected":         stats.Connected,
		"last_error":        stats.LastError,
	}
}
