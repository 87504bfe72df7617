package pgnotify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// checkTimeout bounds the self-check: a server that needs longer is taken for dead.
const checkTimeout = 2 * time.Second

// invalidPassword is the SQLSTATE of a password that is wrong, or missing.
const invalidPassword = "28P01"

// connect opens a connection. It parses the settings each time, so that a changed password file,
// credential or service file is heeded.
func connect(ctx context.Context, cfg Config) (*pgx.Conn, error) {
	parsed, err := cfg.parse()
	if err != nil {
		return nil, err
	}
	if parsed.Password == "" {
		if parsed.Password, err = cfg.Credential(); err != nil {
			return nil, err
		}
	}
	if parsed.ConnectTimeout == 0 {
		parsed.ConnectTimeout = cfg.ConnectTimeout
	}
	conn, err := pgx.ConnectConfig(ctx, parsed)
	if err == nil || parsed.Password != "" {
		return conn, err
	}
	if hint := cfg.hint(err); hint != "" {
		return nil, fmt.Errorf("%w; %s", plain(err), hint)
	}
	return nil, err
}

// hint says why there was no password for a connection that failed.
func (c Config) hint(err error) string {
	refused := new(pgconn.PgError)
	wanted := errors.As(err, &refused) && refused.Code == invalidPassword
	name, isCredential := strings.CutPrefix(c.passfile(), credentialPrefix)
	switch open := openPassfile(c.passfile()); {
	case isCredential && wanted:
		return "no line of the credential " + name + " is for this host, port, database and user"
	case isCredential:
		return ""
	case open != "":
		return "the password file " + open + " is not used: nobody but its owner may read it (0600)"
	case wanted:
		return "no password was given: put it into conninfo, a password file or PGPASSWORD"
	}
	return ""
}

// listen registers all channels and has the server confirm that.
func listen(ctx context.Context, conn *pgx.Conn, cfg Config) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	for _, channel := range cfg.Channels {
		if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
			return fmt.Errorf("listen on %q: %w", channel, err)
		}
	}
	return checkListening(ctx, conn, cfg.Channels)
}

// checkListening asks the server whether this session still listens to all channels: a round trip
// that a broken connection fails, and so does a session that is no longer ours, as behind a pooler
// that hands out another one for each transaction.
func checkListening(ctx context.Context, conn *pgx.Conn, channels []string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	const query = `SELECT count(DISTINCT name) FROM pg_listening_channels() AS name WHERE name = ANY($1)`
	var found int
	if err := conn.QueryRow(ctx, query, channels).Scan(&found); err != nil {
		return fmt.Errorf("check that it listens: %w", err)
	}
	if found < len(channels) {
		return fmt.Errorf("the session listens to %d of its %d channels: UNLISTEN, or a connection pooler in transaction mode", found, len(channels))
	}
	return nil
}

// hangUp closes a connection in any state. It has a context of its own, since the caller's has
// often ended.
func hangUp(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = conn.Close(ctx) // says goodbye if it can; there is nothing left to do if not
}

// stirred tells whether something waits to be read on a connection that should be silent: the
// server's last words, or its end. It takes nothing out and does not block, even while pgx reads in
// the background, as it goes on doing after a write that took long.
func stirred(c net.Conn) bool {
	if wrapped, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = wrapped.NetConn()
	}
	plain, ok := c.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := plain.SyscallConn()
	if err != nil {
		return true
	}
	var peeked error
	// Not raw.Read, which would wait for whoever reads now.
	err = raw.Control(func(fd uintptr) {
		_, _, peeked = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	})
	return err != nil || !errors.Is(peeked, syscall.EAGAIN)
}
