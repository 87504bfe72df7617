package postgres

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Database is one database of a cluster.
type Database struct {
	Name    string
	cluster *Cluster
}

// ConnInfo is where libpq and its like find the database: over the private socket, without a password.
func (d *Database) ConnInfo() string {
	return fmt.Sprintf("host=%s port=%d user=%s dbname=%s", d.cluster.dir, d.cluster.port, superuser, d.Name)
}

// TCPConnInfo is the way over TCP, with Password in it, if the cluster was opened with one.
func (d *Database) TCPConnInfo() string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=%s password=%s dbname=%s sslmode=disable",
		d.cluster.port, superuser, d.cluster.password, d.Name)
}

// Env is ConnInfo as the environment variables that libpq and its like read.
func (d *Database) Env() []string {
	return []string{
		"PGHOST=" + d.cluster.dir,
		"PGPORT=" + strconv.Itoa(d.cluster.port),
		"PGUSER=" + superuser,
		"PGDATABASE=" + d.Name,
	}
}

// Socket is the path of the server's socket.
func (d *Database) Socket() string {
	return filepath.Join(d.cluster.dir, ".s.PGSQL."+strconv.Itoa(d.cluster.port))
}

// Exec runs SQL, one statement after the other, each in a transaction of its own, and returns what
// it gave: a line for each row, with | between columns.
func (d *Database) Exec(t testing.TB, sql string) string {
	t.Helper()
	output, err := d.psql(sql)
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// Terminate ends the backends of an application, by the name it gave, and returns how many there were.
func (d *Database) Terminate(t testing.TB, application string) int {
	t.Helper()
	output := d.Exec(t, "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"+
		" AND pid <> pg_backend_pid() AND application_name = '"+strings.ReplaceAll(application, "'", "''")+"'")
	n, err := strconv.Atoi(output)
	if err != nil {
		t.Fatalf("count of backends ended: %v", err)
	}
	return n
}

// psql runs SQL from standard input, so that it may be long and hold anything.
func (d *Database) psql(sql string) (string, error) {
	cmd := exec.Command(filepath.Join(d.cluster.bin, "psql"), "--no-psqlrc", "--quiet", "--no-align", "--tuples-only",
		"--set", "ON_ERROR_STOP=1")
	cmd.Env = environment(append(d.Env(), "PGAPPNAME=throwaway", "PGCLIENTENCODING=UTF8")...)
	cmd.Stdin = strings.NewReader(sql)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimRight(string(output), "\n"), nil
}

// Port is where the server listens over TCP, if the cluster was opened with it.
func (d *Database) Port() int { return d.cluster.port }

// Password is the superuser's.
func (d *Database) Password() string { return d.cluster.password }
