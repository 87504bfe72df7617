// Package pgnotify keeps LISTEN alive on Postgres and publishes NOTIFY; it hands out channel and
// payload and knows nothing of what is in them.
package pgnotify

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Notification is one NOTIFY.
type Notification struct {
	Channel string
	Payload string
}

// Listener owns one connection that listens, and replaces it when it is lost.
type Listener struct {
	cfg      Config // owned by the Run goroutine
	log      *slog.Logger
	sooner   chan struct{} // buffered 1: there are other settings, to be tried at once
	ready    chan struct{} // closed by the Run goroutine after the first confirmed LISTEN
	received atomic.Uint64

	mu    sync.Mutex // guards the fields below
	stats Stats      // all but Received
	next  *Config    // settings that are not yet in use
	rouse func()     // ends the waiting for a notification; nil while there is none
}

// NewListener returns a listener for the channels of cfg, which must be valid.
func NewListener(cfg Config, log *slog.Logger) *Listener {
	stats := Stats{Channels: cfg.Channels, SelfCheck: SelfCheck{Enabled: cfg.MaxConnectionIdle > 0}}
	return &Listener{cfg: cfg, log: log, sooner: make(chan struct{}, 1), ready: make(chan struct{}), stats: stats}
}

// Run connects, listens and calls handle for each notification, in order and one at a time; while
// handle takes its time, the rest waits in the connection and then on the server. A server that is
// away or a lost connection is logged and tried again until ctx ends, which gives nil; only
// settings that cannot be parsed at the start are an error.
func (l *Listener) Run(ctx context.Context, handle func(ctx context.Context, n Notification)) error {
	if _, err := l.cfg.parse(); err != nil {
		return err
	}
	var gap outage
	for gap.wait(ctx, l.sooner) {
		if next := l.taken(); next != nil {
			l.cfg = *next
		}
		conn, pooled, err := l.connect(ctx)
		if err != nil {
			l.failed(ctx, &gap, plain(err))
			continue
		}
		l.listening(conn, &gap, pooled)
		deaf, err := l.serve(ctx, conn, handle)
		hangUp(conn)
		if errors.Is(err, errMoved) {
			l.moved(&gap, deaf)
			continue
		}
		l.lost(ctx, &gap, deaf, plain(err))
	}
	return nil
}

// Ready is closed once the server has confirmed LISTEN for every channel the first time.
func (l *Listener) Ready() <-chan struct{} { return l.ready }

// Stats returns what happened so far.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	if !s.Connected && !s.Since.IsZero() {
		s.Outages += time.Since(s.Since)
	}
	s.Received = l.received.Load()
	return s
}

// connect opens a connection that listens to all channels, and tells whether a pooler is in between.
func (l *Listener) connect(ctx context.Context) (conn *pgx.Conn, pooled bool, err error) {
	conn, err = connect(ctx, l.cfg)
	if err != nil {
		return nil, false, err
	}
	if pooled, err = findPooler(ctx, conn, l.cfg); err == nil {
		err = listen(ctx, conn, l.cfg)
	}
	if err != nil {
		hangUp(conn)
		return nil, false, err
	}
	return conn, pooled, nil
}

// serve hands on what arrives until the connection is lost or ctx ends. It returns since when the
// connection may have been deaf, and why.
func (l *Listener) serve(ctx context.Context, conn *pgx.Conn, handle func(context.Context, Notification)) (time.Time, error) {
	active := time.Now() // the last sign that the connection listens
	for {
		waitCtx, cancel := l.waiting(ctx, active)
		var err error
		active, err = l.receive(ctx, waitCtx, conn, active, handle)
		idle := waitCtx.Err() != nil && !conn.IsClosed()
		cancel()
		if next := l.taken(); next != nil && idle && ctx.Err() == nil {
			if err := l.change(ctx, conn, *next); err != nil {
				return time.Now(), err
			}
			active = time.Now()
			continue
		} else if next != nil {
			l.cfg = *next
		}
		switch {
		case errors.Is(err, syscall.ETIMEDOUT): // keepalive found out, some time after the fact
			return active, err
		case ctx.Err() != nil || !idle:
			return time.Now(), err
		}
		if time.Since(active) < l.cfg.MaxConnectionIdle {
			continue
		}
		if err := l.check(ctx, conn); err != nil {
			return active, err
		}
		active = time.Now()
	}
}

// receive hands on what arrives until waitCtx ends or the connection is lost. It returns when it
// was last active.
func (l *Listener) receive(
	ctx, waitCtx context.Context, conn *pgx.Conn, active time.Time, handle func(context.Context, Notification),
) (time.Time, error) {
	for {
		n, err := conn.WaitForNotification(waitCtx)
		if err != nil {
			return active, err
		}
		l.received.Add(1)
		handle(ctx, Notification{Channel: n.Channel, Payload: n.Payload})
		active = time.Now()
	}
}

// check asks the server whether the connection still listens, and keeps how long that took.
func (l *Listener) check(ctx context.Context, conn *pgx.Conn) error {
	start := time.Now()
	if err := checkListening(ctx, conn, l.cfg.Channels); err != nil {
		return err
	}
	took := time.Since(start)
	l.mu.Lock()
	c := &l.stats.SelfCheck
	c.Count, c.Total, c.Max = c.Count+1, c.Total+took, max(c.Max, took)
	l.mu.Unlock()
	l.log.Debug("connection to Postgres is alive", "took", took)
	return nil
}

// listening notes that LISTEN is confirmed on conn.
func (l *Listener) listening(conn *pgx.Conn, o *outage, pooled bool) {
	now := time.Now()
	first := o.confirmed.IsZero()
	gap := o.connected(now)

	l.mu.Lock()
	l.stats.Connected, l.stats.Since = true, now
	if !first {
		l.stats.Reconnects++
		l.stats.LastGap = gap
		l.stats.Outages += gap
	}
	l.mu.Unlock()

	server := conn.PgConn().Conn().RemoteAddr().String() // of several hosts, the one that answered
	switch {
	case first:
		l.log.Info("listening to Postgres", "server", server, "database", conn.Config().Database,
			"channels", l.cfg.Channels, "attempts", o.tries)
		if pooled {
			l.log.Warn("a connection pooler stands before Postgres; notifications are lost unless it is in session mode", "event", "pooler-found")
		}
		close(l.ready)
	case o.loud:
		l.log.Warn("listening to Postgres again; notifications sent in the gap were lost",
			"gap", gap.Round(time.Millisecond), "attempts", o.tries, "server", server, "channels", l.cfg.Channels,
			"event", "postgres-back")
	}
}

// lost notes that the connection has ended; it may have been deaf since.
func (l *Listener) lost(ctx context.Context, o *outage, deaf time.Time, cause error) {
	now := time.Now()
	l.mu.Lock()
	l.stats.Connected, l.stats.Since = false, now
	l.mu.Unlock()
	if ctx.Err() != nil {
		return // no loss, we end
	}
	l.keepError(cause)
	if o.lost(now, deaf) {
		l.log.Warn("connection to Postgres lost; trying again", "attempt", o.next, "backoff", o.backoff, "err", cause, "event", "postgres-lost")
	}
}

// failed notes that there is still no connection.
func (l *Listener) failed(ctx context.Context, o *outage, cause error) {
	if ctx.Err() != nil {
		return
	}
	l.keepError(cause)
	if o.failed(time.Now()) {
		l.log.Warn("no connection to Postgres; trying again", "attempt", o.next, "backoff", o.backoff, "err", cause, "event", "postgres-lost")
	}
}

// keepError keeps what went wrong last.
func (l *Listener) keepError(cause error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.LastError = cause.Error()
}

// idleContext returns a context that ends when nothing has been heard for idle; 0 is for ever.
func idleContext(ctx context.Context, active time.Time, idle time.Duration) (context.Context, context.CancelFunc) {
	if idle == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithDeadline(ctx, active.Add(idle))
}
