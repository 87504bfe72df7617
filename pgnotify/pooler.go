package pgnotify

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// errTransactionPooler is what an operator reads who has taken the wrong port.
var errTransactionPooler = errors.New("brokers.pg_notify.conninfo leads to a connection pooler in transaction mode, " +
	"where LISTEN is forgotten after its statement: use a pool in session mode, or Postgres itself")

// findPooler tells whether a connection pooler stands before the server, and returns errTransactionPooler when it lends
// its sessions for less than a connection. A pooler is told by the process id: it answers a connection with an id of its
// own making.
func findPooler(ctx context.Context, conn *pgx.Conn, cfg Config) (pooled bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, cfg.ConnectTimeout)
	defer cancel()
	mine, err := backend(ctx, conn)
	if err != nil {
		return false, fmt.Errorf("ask for the server's process: %w", err)
	}
	if mine == conn.PgConn().PID() {
		return false, nil
	}
	other, err := connect(ctx, cfg)
	if err != nil {
		return true, nil // no room for two: it cannot be told
	}
	defer hangUp(other)
	if shares(ctx, conn, other, mine) {
		return true, errTransactionPooler
	}
	return true, nil
}

// shares tells whether two connections through a pooler are lent the same session: either the other is given ours, first
// for a statement and then for a transaction, or we are given another one while it holds ours. A pool that is too small for
// two connections does not answer in time, and is not said to share.
func shares(ctx context.Context, conn, other *pgx.Conn, mine uint32) bool {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if theirs, err := backend(ctx, other); err != nil || theirs == mine {
		return err == nil
	}
	if _, err := other.Exec(ctx, "BEGIN"); err != nil {
		return false
	}
	if theirs, err := backend(ctx, other); err != nil || theirs == mine {
		return err == nil
	}
	now, err := backend(ctx, conn)
	return err == nil && now != mine
}

// backend asks which process of the server answers.
func backend(ctx context.Context, conn *pgx.Conn) (pid uint32, err error) {
	err = conn.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid)
	return pid, err
}
