package pgnotify_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"dispatcherd/tests/postgres"
)

// freeze stops the only backend of our connections to db, as a dead network would, and lets it go on
// when the test ends.
func freeze(t *testing.T, db *postgres.Database) {
	t.Helper()
	answer := db.Exec(t, "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'dispatcherd'")
	pid, err := strconv.Atoi(answer)
	if err != nil {
		t.Fatalf("pid of the backend: %v", err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatalf("freeze backend %d: %v", pid, err)
	}
	t.Cleanup(func() {
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Errorf("thaw backend %d: %v", pid, err)
		}
	})
}

// poolerBefore passes connections on to db and, as a pooler does, gives each a process id of its own
// making. It returns the way to it.
func poolerBefore(t *testing.T, db *postgres.Database) (conninfo string) {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pooler-") // short: a socket's path must be
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, filepath.Base(db.Socket())))
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("unix", db.Socket())
			if err != nil {
				t.Errorf("pooler: %v", err)
				client.Close()
				return
			}
			open.Go(func() {
				_, _ = io.Copy(server, client)
				server.Close()
			})
			open.Go(func() {
				defer client.Close()
				if err := passDisguised(client, server); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
					t.Errorf("pooler: %v", err)
				}
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		open.Wait()
		os.RemoveAll(dir)
	})
	return strings.Replace(db.ConnInfo(), filepath.Dir(db.Socket()), dir, 1)
}

// passDisguised passes the server's messages on: a kind, a length that counts itself, a body. The process
// id in the one of kind K is changed.
func passDisguised(client io.Writer, server io.Reader) error {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(server, head); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return err
		}
		if head[0] == 'K' {
			binary.BigEndian.PutUint32(body, 0x7fff_0000)
		}
		if _, err := client.Write(append(head, body...)); err != nil {
			return err
		}
	}
}

// awaitNoBackend returns once the server has no backend of an application any more. The server is asked
// to wait: pg_terminate_backend and a closed connection are only requests.
func awaitNoBackend(t *testing.T, db *postgres.Database, application string) {
	t.Helper()
	db.Exec(t, `DO $$ BEGIN
		WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND application_name = '`+application+`') LOOP
			PERFORM pg_sleep(0.005), pg_stat_clear_snapshot();
		END LOOP;
	END $$`)
}
