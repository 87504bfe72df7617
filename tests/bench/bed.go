package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// bound is how long anything may take.
const bound = 4 * time.Minute

// bed is what all trials use: a database, a directory, a Python with the original.
type bed struct {
	db    *pgx.Conn
	dir   string
	venv  string
	quick bool
	count int // services that were started
}

func newBed(ctx context.Context, quick bool) (*bed, error) {
	db, err := pgx.Connect(ctx, "")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	return &bed{db: db, dir: dir, venv: os.Getenv("DISPATCHERD_TEST_VENV"), quick: quick}, nil
}

func (b *bed) close(ctx context.Context) {
	_ = b.db.Close(ctx)     // the server is thrown away as well
	_ = os.RemoveAll(b.dir) // what it cannot remove is in the directory for temporary files
}

// room makes a directory for one service.
func (b *bed) room(name string) (string, error) {
	b.count++
	dir := filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, b.count))
	return dir, os.Mkdir(dir, 0o755)
}

// few is n, or fewer in a quick run.
func (b *bed) few(n, quick int) int {
	if b.quick {
		return quick
	}
	return n
}

// publish sends n equal messages in one transaction, with a uuid each. extra is an
// expression of type jsonb in which i is the number of the message.
func (b *bed) publish(ctx context.Context, n int, task, extra string) error {
	_, err := b.db.Exec(ctx, `SELECT pg_notify('bench', (jsonb_build_object(
		'task', 'bench_tasks.' || $2::text, 'uuid', gen_random_uuid(), 'time_pub', extract(epoch FROM now())) || `+extra+`)::text)
		FROM generate_series(1, $1) AS i`, n, task)
	return err
}

// Extras of publish.
const (
	numbered = `jsonb_build_object('args', jsonb_build_array(i))`
	equal    = `'{"args": []}'::jsonb`
)

// notify sends one message.
func (b *bed) notify(ctx context.Context, payload string) error {
	_, err := b.db.Exec(ctx, "SELECT pg_notify('bench', $1)", payload)
	return err
}
