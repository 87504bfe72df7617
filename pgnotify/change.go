package pgnotify

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// errMoved ends a connection whose settings count no more.
var errMoved = errors.New("the configuration names another connection")

// Use has other settings, which must be valid, count from now on. Where the connection is
// the same, its channels are changed while it listens, and no notification is lost on
// those that stay; else it is replaced, and what is sent meanwhile is lost.
func (l *Listener) Use(cfg Config) {
	l.mu.Lock()
	l.next = &cfg
	l.stats.Channels, l.stats.SelfCheck.Enabled = cfg.Channels, cfg.MaxConnectionIdle > 0
	if l.rouse != nil {
		l.rouse()
	}
	l.mu.Unlock()
	select {
	case l.sooner <- struct{}{}:
	default:
	}
}

// taken returns the settings that are to be used now; nil for those that are.
func (l *Listener) taken() *Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.next
	l.next, l.rouse = nil, nil
	return next
}

// waiting returns a context for the waiting, which Use ends.
func (l *Listener) waiting(ctx context.Context, active time.Time) (context.Context, context.CancelFunc) {
	ctx, cancel := idleContext(ctx, active, l.cfg.MaxConnectionIdle)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rouse = cancel
	if l.next != nil {
		cancel()
	}
	return ctx, cancel
}

// change takes the settings over on a connection that listens.
func (l *Listener) change(ctx context.Context, conn *pgx.Conn, next Config) error {
	before := l.cfg
	l.cfg = next
	if !next.sameServer(before) {
		return errMoved
	}
	if slices.Equal(next.Channels, before.Channels) {
		return nil
	}
	if err := listen(ctx, conn, next); err != nil {
		return err
	}
	for _, channel := range before.Channels {
		if slices.Contains(next.Channels, channel) {
			continue
		}
		within, cancel := context.WithTimeout(ctx, checkTimeout)
		_, err := conn.Exec(within, "UNLISTEN "+pgx.Identifier{channel}.Sanitize())
		cancel()
		if err != nil {
			return err
		}
	}
	l.log.Info("listening to other channels of Postgres", "channels", next.Channels)
	return nil
}

// moved begins a gap that the configuration is the reason of.
func (l *Listener) moved(o *outage, deaf time.Time) {
	l.mu.Lock()
	l.stats.Connected, l.stats.Since = false, time.Now()
	l.mu.Unlock()
	o.lost(time.Now(), deaf)
	o.next, o.backoff = 1, 0
	l.log.Info("leaving the connection to Postgres: " + errMoved.Error())
}
