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

// credential puts a password where systemd would for LoadCredential=pg:..., and returns the
// variable that says where that is.
func credential(t *testing.T, password string) (file, variable string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "credentials")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "pg")
	write(t, file, password+"\n", 0o440)
	return file, "CREDENTIALS_DIRECTORY=" + dir
}

// wanting is the configuration for a database that wants the credential.
func wanting(t *testing.T, db *postgres.Database, worker string) string {
	t.Helper()
	return config(t, worker, "", fmt.Sprintf(
		"[brokers.pg_notify]\nconninfo = \"host=127.0.0.1 port=%d user=postgres dbname=%s sslmode=disable\"\npassfile = \"credential:pg\"\nchannels = [\"jobs\"]\n",
		db.Port(), db.Name))
}

func TestCredentialLetsTheDaemonInAndNobodyElse(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	_, variable := credential(t, db.Password())
	d := start(t, wanting(t, db, ""), variable)
	d.waitLog(lineListening)
	db.Exec(t, fmt.Sprintf(`NOTIFY jobs, '{"task": "app.tasks.mark", "args": [%q]}'`, d.file("by-notify")))
	waitFile(t, d.file("by-notify"), 1)
	told := d.task("app.tasks.connection").stdout
	if !strings.Contains(told, "host=127.0.0.1") || strings.Contains(told, "credential") {
		t.Errorf("a task is told of the database: %s", told)
	}
	shown := []string{d.ctl("status").stdout, d.ctl("producers").stdout, told}
	processes := processesIn(d.dir)
	if len(processes) < 4 {
		t.Errorf("only processes %v were looked at: want the daemon, its supervisor, the fork server and a worker", processes)
	}
	for _, pid := range processes {
		for _, file := range []string{"cmdline", "environ"} {
			text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
			if err != nil && living(pid) {
				t.Fatal(err)
			}
			if file == "environ" && pid != d.pid() && strings.Contains(string(text), variable) {
				t.Errorf("process %d is told where the credential is", pid)
			}
			shown = append(shown, string(text))
		}
	}
	d.stop()
	for _, text := range append(shown, d.log.String()) {
		if strings.Contains(text, db.Password()) {
			t.Errorf("the password can be seen: %s", text)
		}
	}
}

func TestCredentialIsForWorkersIfTheFileSaysSo(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	_, variable := credential(t, db.Password())
	d := start(t, wanting(t, db, "credentials = true"), variable)
	if told := d.task("app.tasks.connection").stdout; !strings.Contains(told, db.Password()) {
		t.Errorf("a task that may have the password is told: %s", told)
	}
}

func TestCredentialThatIsMissingKeepsTheServiceFromStarting(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	file, variable := credential(t, db.Password())
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	d := prepare(t, wanting(t, db, ""))
	d.run(variable)
	if code := d.wait(); code != 78 {
		t.Errorf("the daemon ended with %d, want 78", code)
	}
	const want = "brokers.pg_notify.passfile: the credential pg is not there: put the password into the file that LoadCredential= in the service's unit names, then restart the service"
	if text := d.log.String(); !strings.Contains(text, want) || strings.Count(text, "\n") != 1 {
		t.Errorf("the daemon says\n%s\nwant one line with %s", text, want)
	}
}

func TestCredentialIsWantedByAReloadAsWell(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	_, variable := credential(t, db.Password())
	text := wanting(t, db, "")
	d := start(t, text, variable)
	d.waitLog(lineListening)
	write(t, d.file("dispatcherd.toml"), strings.Replace(text, "credential:pg", "credential:other", 1), 0o600)
	if a := d.ctl("reload"); a.code != 1 || !strings.Contains(a.stderr, "the credential other is not there") {
		t.Errorf("reload with a credential that is not there ends with %d: %s%s", a.code, a.stdout, a.stderr)
	}
	if a := d.ctl("alive"); a.code != 0 {
		t.Errorf("after that: %s", a.stderr)
	}
}

func TestCredentialIsNotWantedByTheClientOfTheSocket(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	_, variable := credential(t, db.Password())
	d := start(t, wanting(t, db, ""), variable)
	if a := d.ctl("--config", d.file("dispatcherd.toml"), "alive"); a.code != 0 {
		t.Errorf("dispatcherctl over the socket: %s", a.stderr)
	}
	a := d.ctl("--config", d.file("dispatcherd.toml"), "--broker", "pg_notify", "alive")
	if a.code == 0 || !strings.Contains(a.stderr, "the credential pg is not there: only a service has one") {
		t.Errorf("dispatcherctl over Postgres ends with %d: %s%s", a.code, a.stdout, a.stderr)
	}
}
