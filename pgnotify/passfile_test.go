package pgnotify_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"dispatcherd/pgnotify"
	"dispatcherd/tests/postgres"
)

func TestPasswordThatNobodyGaveIsToldFromAWrongOne(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	const hint = "; no password was given: put it into conninfo, a password file or PGPASSWORD"
	for password, want := range map[string]bool{"": true, " password=wrong": false} {
		cfg := pgnotify.DefaultConfig()
		cfg.Conninfo = fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=%s passfile=''", db.Port(), db.Name) + password
		err := publisher(t, cfg).Publish(t.Context(), "jobs", "x")
		if err == nil || !strings.Contains(err.Error(), "28P01") || strings.HasSuffix(err.Error(), hint) != want {
			t.Errorf("with %q: %v, want the hint: %v", password, err, want)
		}
	}
}

func TestPassfileIsUsedOnlyIfNobodyElseMayReadIt(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	file := fileWith(t, "pass word", fmt.Sprintf("127.0.0.1:%d:*:postgres:%s\n", db.Port(), db.Password()))
	words := fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=%s sslmode=disable passfile='%s'", db.Port(), db.Name, file)
	url := fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable&passfile=%s", db.Port(), db.Name, strings.ReplaceAll(file, " ", "%20"))
	for _, mode := range []os.FileMode{0o600, 0o400, 0o640, 0o604} {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		for _, conninfo := range []string{words, url} {
			cfg := pgnotify.DefaultConfig()
			cfg.Conninfo, cfg.DefaultPublishChannel = conninfo, "jobs"
			err := publisher(t, cfg).Publish(t.Context(), "", "x")
			if mode&0o077 == 0 {
				if err != nil {
					t.Errorf("with mode %o: %v", mode, err)
				}
				continue
			}
			want := "the password file " + file + " is not used: nobody but its owner may read it (0600)"
			if err == nil || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), db.Password()) || strings.Contains(err.Error(), "\n") {
				t.Errorf("with mode %o: %v, want one line that ends in %s", mode, err, want)
			}
			cfg.Conninfo = strings.Replace(words, "passfile", "password="+db.Password()+" passfile", 1)
			if err := publisher(t, cfg).Publish(t.Context(), "", "x"); err != nil {
				t.Errorf("with mode %o and a password in conninfo: %v", mode, err)
			}
		}
	}
}
