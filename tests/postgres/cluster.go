// Package postgres starts a private, throw-away PostgreSQL from the machine's own binaries, and ends it
// whatever becomes of its caller.
package postgres

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

const (
	superuser   = "postgres"
	maintenance = "postgres" // the database that is always there
)

// Options says what a cluster has beyond its socket.
type Options struct {
	// TCP adds a port on 127.0.0.1, where a password (scram-sha-256) is asked for.
	TCP bool
	// IPv6 adds the same port on ::1.
	IPv6 bool
	// TLS has the server offer TLS over TCP.
	TLS *TLS
	// HBA are lines that come before the others in pg_hba.conf.
	HBA []string
}

// TLS is what a server that offers it has, as PEM.
type TLS struct {
	Certificate, Key string
	ClientCA         string // who signs what clients show
}

// Cluster is a running PostgreSQL with a socket in a private directory. The methods of Database
// speak to its database "postgres".
type Cluster struct {
	Database

	dir      string // holds data and socket; removed at the end
	bin      string
	who      *syscall.Credential
	port     int
	options  Options
	password string
	server   *server
	made     atomic.Int64 // databases made so far
}

// Open makes and starts a cluster. It returns ErrAbsent when the machine has no PostgreSQL server.
func Open(o Options) (*Cluster, error) {
	c := &Cluster{port: 5432, options: o, password: rand.Text()}
	c.Database = Database{cluster: c, Name: maintenance}
	var err error
	if c.bin, err = findBinaries(); err != nil {
		return nil, err
	}
	if c.who, err = account(); err != nil {
		return nil, err
	}
	if err := c.create(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(c.dir))
	}
	if err := c.run(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// Close ends the server and removes all that was made.
func (c *Cluster) Close() error {
	if c.server == nil {
		return os.RemoveAll(c.dir)
	}
	return c.server.clear()
}

// Stop ends the server as a restart does: connections are cut, data is kept.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	if err := c.server.stop(); err != nil {
		t.Fatal(err)
	}
}

// Start starts a stopped server again, at the same place.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	before := c.server
	if err := c.start(); err != nil {
		t.Fatal(err)
	}
	if err := before.leave(); err != nil {
		t.Fatal(err)
	}
}

// Restart ends the server and starts it again.
func (c *Cluster) Restart(t testing.TB) {
	t.Helper()
	c.Stop(t)
	c.Start(t)
}

// NewDatabase makes an empty database, which is a world of its own for NOTIFY.
func (c *Cluster) NewDatabase(t testing.TB) *Database {
	t.Helper()
	d := &Database{cluster: c, Name: "test_" + strconv.FormatInt(c.made.Add(1), 10)}
	c.Exec(t, "CREATE DATABASE "+d.Name)
	return d
}

// create makes the directory and the data in it.
func (c *Cluster) create() error {
	// Not os.TempDir: the path of a socket must be short (108 bytes, unix(7)), and another user
	// must reach it.
	dir, err := os.MkdirTemp("/tmp", "dispatcherd-postgres-")
	if err != nil {
		return err
	}
	c.dir = dir
	if c.who != nil {
		if err := os.Chown(dir, int(c.who.Uid), int(c.who.Gid)); err != nil {
			return err
		}
	}
	passwordFile := filepath.Join(dir, "password")
	if err := c.write(passwordFile, c.password+"\n"); err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(c.bin, "initdb"), "--pgdata", c.data(), "--username", superuser, "--pwfile", passwordFile,
		"--auth-local", "trust", "--auth-host", "scram-sha-256", "--encoding", "UTF8", "--no-locale", "--no-sync")
	initdb.Dir, initdb.Env = dir, environment()
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: c.who}
	if output, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, output)
	}
	return c.configure()
}

// configure writes what the options ask for beside what initdb has made.
func (c *Cluster) configure() error {
	files := map[string]string{}
	if tls := c.options.TLS; tls != nil {
		files["server.crt"], files["server.key"], files["root.crt"] = tls.Certificate, tls.Key, tls.ClientCA
	}
	if lines := c.options.HBA; len(lines) > 0 {
		made, err := os.ReadFile(filepath.Join(c.data(), "pg_hba.conf"))
		if err != nil {
			return err
		}
		files["pg_hba.conf"] = strings.Join(lines, "\n") + "\n" + string(made)
	}
	for name, text := range files {
		if err := c.write(filepath.Join(c.data(), name), text); err != nil {
			return err
		}
	}
	return nil
}

// write writes a file that the server's user can read and nobody else.
func (c *Cluster) write(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	if c.who == nil {
		return nil
	}
	return os.Chown(path, int(c.who.Uid), int(c.who.Gid))
}

// run starts the server the first time: over TCP on a port that was free a moment ago, and on
// another one if somebody was quicker.
func (c *Cluster) run() error {
	if !c.options.TCP {
		return c.start()
	}
	for attempt := 1; ; attempt++ {
		var err error
		if c.port, err = freePort(); err != nil {
			return err
		}
		before := c.server
		err = c.start()
		if before != nil {
			err = errors.Join(err, before.leave())
		}
		if err == nil || attempt == 5 || !strings.Contains(err.Error(), "could not bind IPv4 address") {
			return err
		}
	}
}

// start starts the server on the data, without care for a crash of the machine.
func (c *Cluster) start() error {
	address := ""
	if c.options.TCP {
		address = "127.0.0.1"
	}
	if c.options.IPv6 {
		address += ",::1"
	}
	command := []string{filepath.Join(c.bin, "postgres"), "-D", c.data(), "-k", c.dir, "-p", strconv.Itoa(c.port), "-h", address}
	settings := []string{"fsync=off", "full_page_writes=off", "synchronous_commit=off", "wal_level=minimal", "max_wal_senders=0"}
	if c.options.TLS != nil {
		settings = append(settings, "ssl=on", "ssl_ca_file=root.crt") // server.crt and server.key are the defaults
	}
	for _, setting := range settings {
		command = append(command, "-c", setting)
	}
	s, err := startServer(c.dir, c.who, postgresKind, command)
	if s != nil {
		c.server = s
	}
	return err
}

// data is the directory of the server's files.
func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

// freePort returns a port of 127.0.0.1 that nobody holds.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
