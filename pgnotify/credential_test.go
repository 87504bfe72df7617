package pgnotify_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dispatcherd/pgnotify"
	"dispatcherd/tests/postgres"
)

// credential makes a file of the name pg where a service manager would have put it.
func credential(t *testing.T, text string) (file string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	file = filepath.Join(dir, "pg")
	if err := os.WriteFile(file, []byte(text), 0o440); err != nil { // systemd has the owner's right in an ACL
		t.Fatal(err)
	}
	return file
}

// withoutPassword is a connection to the database that needs a password, in both forms.
func withoutPassword(db *postgres.Database) (words, url string) {
	words = fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=%s sslmode=disable", db.Port(), db.Name)
	return words, fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", db.Port(), db.Name)
}

func TestCredentialIsAPasswordOrLinesOfAPasswordFile(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	words, url := withoutPassword(db)
	line := fmt.Sprintf("127.0.0.1:%d:*:postgres:%s", db.Port(), db.Password())
	for name, text := range map[string]string{
		"a password": db.Password(), "a password and its line's end": db.Password() + "\n", "a password as Windows writes it": db.Password() + "\r\n",
		"a line": line, "lines": "# ours\n\nother:*:*:postgres:wrong\n" + line + "\n",
	} {
		credential(t, text)
		for _, cfg := range []pgnotify.Config{
			{Conninfo: words, Passfile: "credential:pg"}, {Conninfo: url, Passfile: "credential:pg"},
			{Conninfo: words + " passfile=credential:pg"}, {Conninfo: url + "&passfile=credential%3Apg"},
		} {
			cfg.DefaultPublishChannel, cfg.ConnectTimeout = "jobs", patience
			if err := cfg.Validate(); err != nil {
				t.Errorf("with %s: Validate = %v, want nil", name, err)
			}
			if err := publisher(t, cfg).Publish(t.Context(), "", "x"); err != nil {
				t.Errorf("with %s, %+v: %v", name, cfg, err)
			}
		}
	}
}

func TestCredentialIsReadAtEachConnection(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo, _ = withoutPassword(db)
	cfg.Passfile, cfg.Channels = "credential:pg", []string{"jobs"}
	file := credential(t, "wrong")
	l := listen(t, cfg)
	l.log.await(t, "28P01", 1)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	line := l.log.await(t, "the credential pg is not there", 1)
	if strings.Contains(line, `\n`) || !strings.Contains(line, "brokers.pg_notify.passfile") || !strings.Contains(line, "LoadCredential=") {
		t.Errorf("want one line with the key and what to do: %s", line)
	}
	if err := os.WriteFile(file, []byte(db.Password()), 0o400); err != nil {
		t.Fatal(err)
	}
	l.awaitReady(t)
	if strings.Contains(l.log.String(), db.Password()) {
		t.Errorf("the password is in the log:\n%s", l.log)
	}
}

func TestPasswordThatIsGivenComesBeforeTheCredential(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	credential(t, "wrong")
	cfg := pgnotify.Config{Conninfo: db.TCPConnInfo(), Passfile: "credential:pg", ConnectTimeout: patience}
	if err := publisher(t, cfg).Publish(t.Context(), "jobs", "x"); err != nil {
		t.Error(err)
	}
	if got, err := cfg.Credential(); got != "" || err != nil {
		t.Errorf("Credential = %q, %v, want nothing", got, err)
	}
}

func TestCredentialWithoutALineForTheConnectionIsSaid(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	credential(t, "other:*:*:postgres:hush\n")
	cfg := pgnotify.Config{Passfile: "credential:pg", ConnectTimeout: patience}
	cfg.Conninfo, _ = withoutPassword(db)
	err := publisher(t, cfg).Publish(t.Context(), "jobs", "x")
	const want = "; no line of the credential pg is for this host, port, database and user"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Publish = %v, want an end of %q", err, want)
	}
}

func TestCredentialThatCannotBeUsedIsNamedAndNotShown(t *testing.T) {
	const form = "the credential pg must hold the password alone on one line, or lines host:port:database:user:password"
	for name, tt := range map[string]struct{ text, passfile, conninfo, want string }{
		"empty":       {"\n", "credential:pg", "", "passfile: " + form},
		"two lines":   {"hush\nquiet\n", "credential:pg", "", "passfile: " + form},
		"zero byte":   {"hush\x00quiet", "credential:pg", "", "passfile: " + form},
		"in conninfo": {"hush\nquiet\n", "", "passfile=credential:pg", "conninfo: " + form},
		"another one": {"hush", "credential:db", "", "passfile: the credential db is not there: put the password into the file that LoadCredential= in the service's unit names, then restart the service"},
		"a path":      {"hush", "credential:../pg", "", `passfile: must be credential:NAME, with the name that the service's LoadCredential= has, got "../pg"`},
		"no name":     {"hush", "credential:", "", `passfile: must be credential:NAME, with the name that the service's LoadCredential= has, got ""`},
		"two places":  {"hush", "credential:pg", "passfile=/x", "passfile: must be left out where conninfo has a passfile"},
	} {
		credential(t, tt.text)
		cfg := pgnotify.DefaultConfig()
		cfg.Conninfo, cfg.Passfile = tt.conninfo, tt.passfile
		err := cfg.Validate()
		if err == nil || err.Error() != "brokers.pg_notify."+tt.want {
			t.Errorf("%s: Validate = %v, want %s", name, err, tt.want)
			continue
		}
		assertSecret(t, name, err.Error())
	}
}

func TestCredentialIsNotLookedForWhereThereAreNone(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo, cfg.Passfile = "host=/nowhere", "credential:pg"
	if err := cfg.Validate(); err != nil {
		t.Errorf("Validate = %v, want nil", err)
	}
	err := publisher(t, cfg).Publish(t.Context(), "jobs", "x")
	if err == nil || !strings.Contains(err.Error(), "the credential pg is not there: only a service has one, by LoadCredential= in its unit") {
		t.Errorf("Publish = %v, want it to say that there is none", err)
	}
}

func TestPasswordOfManyColonsIsOne(t *testing.T) {
	for text, want := range map[string]string{
		"a:b:c:d:e":            "a:b:c:d:e",
		"#hush":                "#hush",
		"db:5432:shop:me:hush": "hush",
		`*:*:*:*:a\:b\\c`:      `a:b\c`,
	} {
		credential(t, text)
		cfg := pgnotify.Config{Conninfo: "host=db user=me dbname=shop", Passfile: "credential:pg"}
		if got, err := cfg.Credential(); got != want || err != nil {
			t.Errorf("Credential of %q = %q, %v, want %q", text, got, err, want)
		}
	}
}

func TestPassfileIsAPathAsWell(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	words, url := withoutPassword(db)
	file := fileWith(t, "pass word", fmt.Sprintf("127.0.0.1:%d:*:postgres:%s\n", db.Port(), db.Password()))
	for _, conninfo := range []string{words, url} {
		cfg := pgnotify.Config{Conninfo: conninfo, Passfile: file, ConnectTimeout: patience}
		if err := publisher(t, cfg).Publish(t.Context(), "jobs", "x"); err != nil {
			t.Errorf("%s: %v", conninfo, err)
		}
	}
}

func TestWithoutCredentialLeavesOtherPasswordFiles(t *testing.T) {
	t.Parallel()
	for conninfo, want := range map[string]string{
		"host=db passfile=/etc/pass":                      "host=db passfile=/etc/pass",
		"host=db passfile=credential:pg":                  "host=db",
		"postgres://me:pw@db/shop?passfile=/x":            "postgres://me:pw@db/shop?passfile=/x",
		"postgres://me:pw@db/shop?passfile=credential:pg": "postgres://me:pw@db/shop",
	} {
		if got := pgnotify.WithoutCredential(conninfo); got != want {
			t.Errorf("WithoutCredential(%q) = %q, want %q", conninfo, got, want)
		}
	}
}
