package daemon

import (
	"context"
	"log/slog"
	"time"

	"dispatcherd/control"
)

// socketSource is the control socket.
type socketSource struct {
	server *control.Server
	guard  *control.Guard
	handle func(context.Context, Incoming) // set by Run, before the server serves
	since  time.Time
}

var _ Source = (*socketSource)(nil)

func newSocketSource(cfg control.Config, guard *control.Guard, log *slog.Logger) *socketSource {
	s := &socketSource{guard: guard, since: time.Now()}
	s.server = control.NewServer(cfg, s.receive, log)
	return s
}

func (s *socketSource) Name() string { return "socket-producer" }

func (s *socketSource) Run(ctx context.Context, handle func(context.Context, Incoming)) error {
	s.handle = handle
	return s.server.Run(ctx)
}

func (s *socketSource) receive(ctx context.Context, payload []byte, channel string, peer control.Peer, reply control.Reply) {
	s.handle(ctx, Incoming{
		Payload: payload, Channel: channel, Peer: &peer, Caller: s.guard.Of(peer),
		// The answer goes to the connection that asked: reply_to says only that one is wanted.
		Reply: func(ctx context.Context, _ string, text []byte) error { return reply(ctx, text) },
		Hold:  func() func() { return control.Hold(ctx) },
	})
}

// Rejected counts lines that are too long, cut short or not UTF-8.
func (s *socketSource) Rejected() uint64 { return s.server.Stats().Rejected }

func (s *socketSource) Describe() map[string]any {
	stats := s.server.Stats()
	return map[string]any{
		"produced_count": stats.Received,
		"uptime_seconds": time.Since(s.since).Seconds(),
		"recycle_count":  0,
	}
}
