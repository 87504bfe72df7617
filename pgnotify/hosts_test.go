package pgnotify_test

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dispatcherd/pgnotify"
	"dispatcherd/tests/postgres"
)

// deadPort is a port of 127.0.0.1 that refuses.
func deadPort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// hears checks that a listener with this conninfo gets what is sent in a database, and returns the line that says where
// it listens.
func hears(t *testing.T, conninfo string, db *postgres.Database) string {
	t.Helper()
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo, cfg.Channels = conninfo, []string{"jobs"}
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	l := listen(t, cfg)
	l.awaitReady(t)
	db.Exec(t, "NOTIFY jobs, 'x'")
	if got := l.next(t); got.Payload != "x" {
		t.Errorf("received %q", got)
	}
	return l.log.await(t, `msg="listening to Postgres"`, 1)
}

func TestNextHostIsTriedWhereTheFirstIsDead(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	dead := deadPort(t)
	account := fmt.Sprintf("user=postgres password=%s dbname=%s sslmode=disable", db.Password(), db.Name)
	for _, conninfo := range []string{
		fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d %s", dead, db.Port(), account),
		fmt.Sprintf("host=/nonexistent,127.0.0.1 port=%d %s", db.Port(), account),
		fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable", db.Password(), dead, db.Port(), db.Name),
	} {
		if line, want := hears(t, conninfo, db), fmt.Sprintf("server=127.0.0.1:%d ", db.Port()); !strings.Contains(line, want) {
			t.Errorf("%s, want %q", line, want)
		}
	}
}

func TestAddressThatRefusesIsToldOnceAndShort(t *testing.T) {
	t.Parallel()
	dead, nowhere := deadPort(t), t.TempDir()
	for conninfo, want := range map[string]string{
		fmt.Sprintf("host=127.0.0.1 port=%d dbname=shop user=ada", dead): fmt.Sprintf("127.0.0.1:%d (127.0.0.1): connection refused", dead),
		fmt.Sprintf("host=%s port=5432 dbname=shop user=ada", nowhere):   fmt.Sprintf("%s/.s.PGSQL.5432 (%[1]s): no such file or directory", nowhere),
	} {
		cfg := pgnotify.DefaultConfig()
		cfg.Conninfo = conninfo
		err := publisher(t, cfg).Publish(t.Context(), "jobs", "x")
		if want = `publish on "jobs": connect to database "shop" as "ada": ` + want + " (is Postgres running there?)"; err == nil || err.Error() != want {
			t.Errorf("Publish = %v, want %s", err, want)
		}
	}
}

func TestServerWithTheWantedAttributesIsChosen(t *testing.T) {
	t.Parallel()
	first, second := postgres.StartWith(t, postgres.Options{}), postgres.StartWith(t, postgres.Options{})
	first.Exec(t, "ALTER DATABASE postgres SET default_transaction_read_only = on")
	both := fmt.Sprintf("host=%s,%s port=5432 user=postgres dbname=postgres", filepath.Dir(first.Socket()), filepath.Dir(second.Socket()))
	for attribute, db := range map[string]*postgres.Database{
		"any": &first.Database, "read-write": &second.Database, "read-only": &first.Database,
		"primary": &first.Database,
	} {
		t.Log(attribute)
		line := hears(t, both+" target_session_attrs="+attribute, db)
		if !strings.Contains(line, "server="+db.Socket()) {
			t.Errorf("%s: %s, want server %s", attribute, line, db.Socket())
		}
	}
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo, cfg.Channels = both+" target_session_attrs=standby", []string{"jobs"}
	l := listen(t, cfg)
	if line := l.log.await(t, saidAbsent, 1); !strings.Contains(line, "server is not in hot standby mode") {
		t.Errorf("without a standby: %s", line)
	}
}

func TestServerIsReachedOverIPv6(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	} else {
		l.Close()
	}
	c := postgres.StartWith(t, postgres.Options{TCP: true, IPv6: true})
	account := fmt.Sprintf("user=postgres password=%s dbname=postgres sslmode=disable", c.Password())
	for _, conninfo := range []string{
		fmt.Sprintf("host=::1 port=%d %s", c.Port(), account),
		fmt.Sprintf("postgres://postgres:%s@[::1]:%d/postgres?sslmode=disable", c.Password(), c.Port()),
	} {
		if line, want := hears(t, conninfo, &c.Database), fmt.Sprintf("[::1]:%d", c.Port()); !strings.Contains(line, want) {
			t.Errorf("%s, want %s", line, want)
		}
	}
}

func TestSocketOfTheEnvironmentIsFound(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	for _, entry := range db.Env() {
		key, value, _ := strings.Cut(entry, "=")
		t.Setenv(key, value)
	}
	if line := hears(t, "", db); !strings.Contains(line, "server="+db.Socket()) {
		t.Errorf("%s, want server %s", line, db.Socket())
	}
}

func TestSilentHostIsGivenUpAfterTheConnectTimeout(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the kernel takes connections, and nobody speaks on them
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	db := postgres.Shared(t).NewDatabase(t)
	cfg := pgnotify.DefaultConfig()
	cfg.Channels, cfg.ConnectTimeout = []string{"jobs"}, 200*time.Millisecond
	account := fmt.Sprintf("user=postgres password=%s dbname=%s sslmode=disable", db.Password(), db.Name)
	port := silent.Addr().(*net.TCPAddr).Port

	cfg.Conninfo = fmt.Sprintf("host=127.0.0.1 port=%d %s", port, account)
	if line := listen(t, cfg).log.await(t, saidAbsent, 2); !strings.Contains(line, "timeout") && !strings.Contains(line, "deadline") {
		t.Errorf("a silent server is told so: %s", line)
	}
	cfg.Conninfo = fmt.Sprintf("host=127.0.0.1,127.0.0.1 port=%d,%d %s", port, db.Port(), account)
	listen(t, cfg).awaitReady(t)
}
