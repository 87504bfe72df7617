package pgnotify_test

import (
	"fmt"
	"strings"
	"testing"

	"dispatcherd/pgnotify"
	"dispatcherd/tests/postgres"
)

// encrypted says whether our only connection to the database is.
const encrypted = `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
WHERE datname = current_database() AND application_name = 'dispatcherd'`

func TestConnectionsOverTLS(t *testing.T) {
	t.Parallel()
	ours, strange := newAuthority(t, "ours"), newAuthority(t, "strange")
	certificate, key := ours.issue("db", "localhost")
	cluster := postgres.StartWith(t, postgres.Options{
		TCP: true, TLS: &postgres.TLS{Certificate: certificate, Key: key, ClientCA: ours.pem},
		HBA: []string{"hostssl all guest 127.0.0.1/32 cert", "hostnossl all all 127.0.0.1/32 scram-sha-256", "hostssl all postgres 127.0.0.1/32 scram-sha-256"},
	})
	cluster.Exec(t, "CREATE ROLE guest LOGIN")
	rightCA, wrongCA := fileWith(t, "root.crt", ours.pem), fileWith(t, "root.crt", strange.pem)
	guestCert, guestKey := ours.issue("guest")
	otherCert, otherKey := ours.issue("other")
	forgedCert, forgedKey := strange.issue("guest")
	files := func(cert, key string) string {
		return fmt.Sprintf("user=guest sslcert=%s sslkey=%s", fileWith(t, "client.crt", cert), fileWith(t, "client.key", key))
	}
	password := "user=postgres password=" + cluster.Password()

	for _, tt := range []struct {
		name, how string
		want      string // "t", "f": connected, with TLS or without; otherwise what is said
	}{
		{"disable", password + " host=127.0.0.1 sslmode=disable", "f"},
		{"prefer", password + " host=127.0.0.1 sslmode=prefer", "t"},
		{"require", password + " host=127.0.0.1 sslmode=require", "t"},
		{"require with a root verifies", password + " host=127.0.0.1 sslmode=require sslrootcert=" + wrongCA, "certificate signed by unknown authority"},
		{"verify-ca", password + " host=127.0.0.1 sslmode=verify-ca sslrootcert=" + rightCA, "t"},
		{"verify-ca, wrong CA", password + " host=127.0.0.1 sslmode=verify-ca sslrootcert=" + wrongCA, "certificate signed by unknown authority"},
		{"verify-full", password + " host=localhost sslmode=verify-full sslrootcert=" + rightCA, "t"},
		{"verify-full, wrong CA", password + " host=localhost sslmode=verify-full sslrootcert=" + wrongCA, "certificate signed by unknown authority"},
		{"verify-full, wrong host", password + " host=127.0.0.1 sslmode=verify-full sslrootcert=" + rightCA, "cannot validate certificate for 127.0.0.1"},
		{"client certificate", files(guestCert, guestKey) + " host=localhost sslmode=verify-full sslrootcert=" + rightCA, "t"},
		{"client certificate of somebody else", files(otherCert, otherKey) + " host=localhost sslmode=require", `certificate authentication failed for user "guest"`},
		{"client certificate of another CA", files(forgedCert, forgedKey) + " host=localhost sslmode=require", "connection requires a valid client certificate"}, // it is not even sent
		{"no client certificate", "user=guest host=localhost sslmode=require", "connection requires a valid client certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			db := cluster.NewDatabase(t)
			cfg := pgnotify.DefaultConfig()
			cfg.Conninfo = fmt.Sprintf("%s port=%d dbname=%s", tt.how, db.Port(), db.Name)
			cfg.Channels = []string{"jobs"}
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			l := listen(t, cfg)
			if len(tt.want) == 1 {
				l.awaitReady(t)
				if got := db.Exec(t, encrypted); got != tt.want {
					t.Errorf("TLS is %q, want %q", got, tt.want)
				}
				return
			}
			line := l.log.await(t, saidAbsent, 2)
			if !strings.Contains(line, quotedInside(tt.want)) || strings.Contains(line, `\n`) || strings.Contains(line, cluster.Password()) {
				t.Errorf("the failure is told so: %s\nwant %s in it", line, tt.want)
			}
			t.Log(line)
		})
	}
}

// quotedInside is how a text looks inside of a quoted value of a log line.
func quotedInside(text string) string { return strings.ReplaceAll(text, `"`, `\"`) }

func TestServerWithoutTLSIsRefusedWhereItIsRequired(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	cfg := configFor(db, "jobs")
	for mode, want := range map[string]string{"prefer": "", "require": "server refused TLS connection"} {
		cfg.Conninfo = strings.Replace(db.TCPConnInfo(), "sslmode=disable", "sslmode="+mode, 1)
		l := listen(t, cfg)
		if want == "" {
			l.awaitReady(t)
		} else if line := l.log.await(t, saidAbsent, 1); !strings.Contains(line, want) {
			t.Errorf("sslmode=%s: %s, want %s", mode, line, want)
		}
	}
}
