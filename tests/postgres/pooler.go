package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ErrNoPooler says that this machine has no PgBouncer to start.
var ErrNoPooler = errors.New("no PgBouncer here: install the package pgbouncer")

// Pooler is a PgBouncer before a cluster, on a socket in a private directory.
type Pooler struct {
	dir    string
	server *server
}

// StartPooler starts a PgBouncer that lends the cluster's sessions for as long as mode says ("session", "transaction",
// "statement"); it ends with the test. More are lines of its configuration. Without PgBouncer the test is skipped, or
// fails if DISPATCHERD_TEST_REQUIRE=1.
func StartPooler(t testing.TB, c *Cluster, mode string, more ...string) *Pooler {
	t.Helper()
	p, err := openPooler(c, mode, more)
	if errors.Is(err, ErrNoPooler) && os.Getenv("DISPATCHERD_TEST_REQUIRE") != "1" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.server.clear(); err != nil {
			t.Errorf("end of the throw-away pooler: %v", err)
		}
	})
	return p
}

// ConnInfo is the way to a database of the pooler's cluster.
func (p *Pooler) ConnInfo(d *Database) string {
	return strings.Replace(d.ConnInfo(), "host="+d.cluster.dir, "host="+p.dir, 1)
}

// Log returns the last lines that the pooler wrote.
func (p *Pooler) Log() string { return p.server.log() }

func openPooler(c *Cluster, mode string, more []string) (*Pooler, error) {
	program, err := findPooler()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("/tmp", "dispatcherd-pooler-") // short, as the cluster's
	if err != nil {
		return nil, err
	}
	p := &Pooler{dir: dir}
	file := filepath.Join(dir, "pgbouncer.ini")
	lines := append([]string{
		// Whoever comes is the superuser, and is asked for nothing.
		"[databases]", fmt.Sprintf("* = host=%s port=%d user=%s", c.dir, c.port, superuser),
		"[pgbouncer]", "auth_type = any", "pool_mode = " + mode,
		"unix_socket_dir = " + dir, fmt.Sprintf("listen_port = %d", c.port),
	}, more...)
	if err := c.write(file, strings.Join(lines, "\n")+"\n"); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if c.who != nil {
		if err := os.Chown(dir, int(c.who.Uid), int(c.who.Gid)); err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
	}
	p.server, err = startServer(dir, c.who, poolerKind, []string{program, file})
	if err != nil && p.server != nil {
		err = errors.Join(err, p.server.clear())
	}
	return p, err
}

// findPooler returns the program, which Debian puts where not every PATH leads.
func findPooler() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNoPooler
}
