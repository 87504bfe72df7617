package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// access is one way to give the daemon a password of Postgres.
type access struct {
	name     string
	conninfo string
	env      []string
	secret   string
}

// accesses returns them all, for a database of its own each.
func accesses(t *testing.T) []access {
	t.Helper()
	all := make([]access, 3)
	for i := range all {
		conninfo := postgres.Shared(t).NewDatabase(t).TCPConnInfo()
		part := map[string]string{}
		for _, word := range strings.Fields(conninfo) {
			key, value, _ := strings.Cut(word, "=")
			part[key] = value
		}
		secret := part["password"]
		if secret == "" {
			t.Fatal("the throw-away Postgres asks for no password")
		}
		switch i {
		case 0:
			all[i] = access{"in conninfo", conninfo, nil, secret}
		case 1:
			all[i] = access{"in a URL", fmt.Sprintf("postgres://%s:%s@%s:%s/%s?sslmode=disable",
				part["user"], secret, part["host"], part["port"], part["dbname"]), nil, secret}
		case 2:
			all[i] = access{"in the environment", strings.Replace(conninfo, "password="+secret, "", 1),
				[]string{"PGPASSWORD=" + secret}, secret}
		}
	}
	return all
}

// section is the daemon's configuration for a conninfo.
func section(conninfo string) string {
	return fmt.Sprintf("[brokers.pg_notify]\nconninfo = %q\nchannels = [\"jobs\"]\n", conninfo)
}

func TestPasswordOfPostgresIsNowhereToBeSeen(t *testing.T) {
	t.Parallel()
	for _, tt := range accesses(t) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := start(t, config(t, "", "", section(tt.conninfo)), tt.env...)
			d.waitLog(lineListening)
			d.task("app.tasks.nothing")
			shown := []string{d.ctl("status").stdout, d.ctl("producers").stdout}
			processes := processesIn(d.dir)
			if len(processes) < 4 {
				t.Errorf("only processes %v were looked at: want the daemon, its supervisor, the fork server and a worker", processes)
			}
			for _, pid := range processes {
				for _, file := range []string{"cmdline", "environ"} {
					if file == "environ" && tt.env != nil {
						continue // they inherit it; nobody but their user and root can read it
					}
					text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
					if err != nil && living(pid) {
						t.Fatal(err)
					}
					shown = append(shown, string(text))
				}
			}
			d.stop()
			for _, text := range append(shown, d.log.String()) {
				if strings.Contains(text, tt.secret) {
					t.Errorf("the password can be seen: %s", text)
				}
			}
		})
	}
}

func TestWrongPasswordOfPostgresIsNotShown(t *testing.T) {
	t.Parallel()
	const wrong = "hunter2-of-postgres"
	for _, tt := range accesses(t) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for i := range tt.env {
				tt.env[i] = strings.Replace(tt.env[i], tt.secret, wrong, 1)
			}
			d := start(t, config(t, "", "", section(strings.Replace(tt.conninfo, tt.secret, wrong, 1))), tt.env...)
			if line := d.waitLog(lineAway); !strings.Contains(line, "password authentication failed") {
				t.Errorf("the log does not say why there is no connection: %s", line)
			}
			shown := d.ctl("status").stdout
			if !strings.Contains(shown, "password authentication failed") {
				t.Errorf("status does not say why there is no connection:\n%s", shown)
			}
			d.stop()
			if text := shown + d.log.String(); strings.Contains(text, wrong) {
				t.Errorf("the password can be seen: %s", text)
			}
		})
	}
}

func TestConninfoThatCannotBeReadIsNotShown(t *testing.T) {
	t.Parallel()
	const secret = "hunter2-of-postgres"
	d := prepare(t, config(t, "", "", section("postgres://me:a@"+secret+"@host/db")))
	for _, tt := range []struct {
		program []string
		code    int
	}{
		{[]string{"dispatcherd", "--config", "dispatcherd.toml"}, 78},
		{[]string{"dispatcherd", "--config", "dispatcherd.toml", "--check"}, 1},
		{[]string{"dispatcherctl", "--config", "dispatcherd.toml", "--broker", "pg_notify", "alive"}, 1},
	} {
		program := tt.program
		a := runProgram(t, d.dir, program[0], program[1:]...)
		text := a.stdout + a.stderr
		if a.code != tt.code || !strings.Contains(text, "brokers.pg_notify.conninfo") {
			t.Errorf("%q ended with %d, want %d and the key that is wrong:\n%s", program, a.code, tt.code, text)
		}
		if strings.Contains(text, secret) {
			t.Errorf("%q shows the password:\n%s", program, text)
		}
	}
}
