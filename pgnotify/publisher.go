package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// MaxPayload is the longest payload in bytes: Postgres takes those shorter than 8000.
const MaxPayload = 7999

const (
	// publishTimeout bounds one Publish, so that a silent network cannot hold up all others.
	publishTimeout = 10 * time.Second
	// A connection that was not used for this long is tried with a ping first: what is lost
	// with the ping can safely be sent on a new one.
	trustedFor = time.Second
)

// Publisher sends notifications on one connection, which it opens when it needs it.
type Publisher struct {
	log *slog.Logger

	cfg atomic.Pointer[Config]

	turn chan struct{} // holds one token; who has taken it owns the fields below

	conn   *pgx.Conn // nil when there is none
	to     *Config   // what conn was opened with
	used   time.Time // when conn last worked
	closed bool
}

// NewPublisher returns a publisher to the database of cfg, which must be valid.
func NewPublisher(cfg Config, log *slog.Logger) *Publisher {
	p := &Publisher{log: log, turn: make(chan struct{}, 1)}
	p.Use(cfg)
	p.turn <- struct{}{}
	return p
}

// Use has other settings, which must be valid, count from the next Publish on.
func (p *Publisher) Use(cfg Config) { p.cfg.Store(&cfg) }

// Publish sends payload on channel; "" stands for the one that Config.PublishChannel finds. It
// returns once Postgres has committed it. A connection found broken before anything was sent is
// replaced; after that an error leaves open whether the notification went out, and says so.
// Errors name the channel, never the payload.
func (p *Publisher) Publish(ctx context.Context, channel, payload string) error {
	channel, err := p.cfg.Load().PublishChannel(channel)
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	if err := checkPayload(payload); err != nil {
		return fmt.Errorf("publish on %q: %w", channel, err)
	}
	ctx, cancel := context.WithTimeout(ctx, publishTimeout)
	defer cancel()
	select {
	case <-p.turn:
		defer func() { p.turn <- struct{}{} }()
	case <-ctx.Done():
		return fmt.Errorf("publish on %q: wait for the connection: %w", channel, ctx.Err())
	}
	if err := p.send(ctx, channel, payload); err != nil {
		return fmt.Errorf("publish on %q: %w", channel, err)
	}
	return nil
}

// Close closes the connection after what is being published. Publish then returns an error.
func (p *Publisher) Close() {
	<-p.turn
	defer func() { p.turn <- struct{}{} }()
	p.closed = true
	p.drop()
}

// send sends one notification.
func (p *Publisher) send(ctx context.Context, channel, payload string) error {
	if err := p.open(ctx); err != nil {
		return plain(err)
	}
	_, err := p.conn.Exec(ctx, "SELECT pg_notify($1, $2)", channel, payload)
	if err == nil {
		p.used = time.Now()
		return nil
	}
	if !p.conn.IsClosed() {
		return plain(err)
	}
	p.drop()
	return fmt.Errorf("the connection was lost before the answer, it may or may not have been sent: %w", plain(err))
}

// open makes sure that there is a connection that works, as far as can be told without sending
// anything: sending twice is no cure for a loss, since the first may have gone out.
func (p *Publisher) open(ctx context.Context) error {
	if p.closed {
		return errors.New("the publisher is closed")
	}
	cfg := p.cfg.Load()
	if p.conn != nil && !p.to.sameServer(*cfg) {
		p.drop()
	}
	if p.conn != nil && (time.Since(p.used) >= trustedFor || stirred(p.conn.PgConn().Conn())) {
		if err := p.conn.Ping(ctx); err != nil {
			p.log.Info("publisher's connection to Postgres is gone; opening another", "err", plain(err))
			p.drop()
		}
	}
	if p.conn != nil {
		return nil
	}
	conn, err := connect(ctx, *cfg)
	if err != nil {
		return err
	}
	p.conn, p.to, p.used = conn, cfg, time.Now()
	return nil
}

// drop forgets the connection.
func (p *Publisher) drop() {
	if p.conn != nil {
		hangUp(p.conn)
		p.conn = nil
	}
}

// checkPayload says why Postgres would refuse a payload, without a word of what is in it.
func checkPayload(payload string) error {
	switch {
	case len(payload) > MaxPayload:
		return fmt.Errorf("the payload must be at most %d bytes, got %d", MaxPayload, len(payload))
	case !utf8.ValidString(payload) || strings.ContainsRune(payload, 0):
		return errors.New("the payload must be UTF-8 without a zero byte")
	}
	return nil
}
