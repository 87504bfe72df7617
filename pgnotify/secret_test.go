package pgnotify_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dispatcherd/pgnotify"
	"dispatcherd/tests/postgres"

	"github.com/jackc/pgx/v5/pgconn"
)

// Pieces of a password as they stand in the strings below; no text for people may hold any.
var pieces = []string{"hush", "quiet", "whisper"}

func assertSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, piece := range pieces {
		if strings.Contains(text, piece) {
			t.Errorf("%s holds %q, a piece of the password: %s", where, piece, text)
		}
	}
}

func TestMalformedConninfoDoesNotShowThePassword(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ conninfo, want string }{
		{"host=db password=hush port=x", "port"},
		{"host=db password='hush quiet port=5432", "keyword=value"},
		{"host=db password=hush quiet", "keyword=value"},
		{"host=db password=hush quiet=1", "keywords that libpq knows"},
		{"host=db PASSWORD = hush whisper = 1", "keywords that libpq knows"},
		{"host=db password=hush'quiet port=0", "port"},
		{"password=hush connect_timeout=soon", "connect_timeout"},
		{"password=hush connect_timeout=quiet", "connect_timeout"},
		{"password=hush sslmode=quiet host=db", "TLS"},
		{"password=hush target_session_attrs=quiet", "target_session_attrs"},
		{"password=hush channel_binding=quiet", "channel_binding"},
		{"password=hush require_auth=quiet", "require_auth"},
		{"password=hush sslcertmode=quiet", "sslcertmode"},
		{"password=hush min_protocol_version=quiet", "min_protocol_version"},
		{"password=hush max_protocol_version=quiet", "max_protocol_version"},
		{"password=hush min_protocol_version=3.2 max_protocol_version=3.0", "not above"},
		{"password=hush default_query_exec_mode=quiet", "default_query_exec_mode"},
		{"password=hush host=a,b,c port=1,2", "one port, or one for each host"},
		{"password=hush service=quiet servicefile=/nonexistent", "service"},
		{"password=hush keepalives_idle=quiet", "keepalives_idle"},
		{"password=hush keepalives_quiet=1", "keepalives"},
		{"password=hush client_encoding=quiet", "client_encoding"},
		{"password=hush hostaddr=127.0.0.1", "hostaddr"},
		{"password=hush gssencmode=require", "gssencmode"},
		{"password=hush\x00 host=db", "keyword=value"},
		{"postgres://app:hush@db:quiet/shop", "port"},
		{"postgres://app:hush/quiet@db/shop", "@"},
		{"postgres://app:12/quiet@db/shop", "@"},
		{"postgres://app:hush@quiet@db/shop", "@"},
		{"postgres://app:hu?sh@quiet@db/shop", "@"},
		{"postgres://app:12/hush?quiet@db/shop", "URL"},
		{"postgres://app:12/hush?quiet=1@db/shop", "keywords that libpq knows"},
		{"postgres://app:hush%zz@db/shop", "URL"},
		{"postgres://app:hush@[db/shop", "URL"},
		{"postgres://app:hush@db/shop?sslmode=quiet", "TLS"},
		{"postgresq://app:hush@db/shop", "keyword=value"},
		{"app:hush@db", "keyword=value"},
	} {
		t.Run(tt.conninfo, func(t *testing.T) {
			t.Parallel()
			cfg := pgnotify.DefaultConfig()
			cfg.Conninfo = tt.conninfo
			if cfg.Validate() == nil {
				t.Fatal("Validate = nil, want an error")
			}
			log := newLogbook()
			listener := pgnotify.NewListener(cfg, log.logger())
			p := publisher(t, cfg)
			for where, err := range map[string]error{
				"Validate": cfg.Validate(),
				"Run":      listener.Run(t.Context(), func(context.Context, pgnotify.Notification) {}),
				"Publish":  p.Publish(t.Context(), "jobs", "x"),
			} {
				if err == nil || !strings.Contains(err.Error(), "brokers.pg_notify.conninfo: must ") || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("%s = %v, want what conninfo must be, with %q", where, err, tt.want)
					continue
				}
				assertSecret(t, where, fmt.Sprintf("%v %+v", err, err))
			}
			assertSecret(t, "the log", log.String())
		})
	}
}

func TestUnknownKeywordIsNamedWhereThereIsNoPassword(t *testing.T) {
	t.Parallel()
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo = "host=db dbnam=shop"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), `got "dbnam"`) {
		t.Errorf("Validate = %v, want it to name dbnam", err)
	}
}

func TestMissingCertificateIsNamed(t *testing.T) {
	t.Parallel()
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo = "host=db sslrootcert=/nonexistent/root.crt"
	if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), "/nonexistent/root.crt: no such file") {
		t.Errorf("Validate = %v, want it to name the file", err)
	}
}

func TestKeywordsOfLibpqAreTaken(t *testing.T) {
	t.Parallel()
	cluster := postgres.Shared(t)
	db := cluster.NewDatabase(t)
	for _, tt := range []struct{ name, more, application string }{
		{"none", "", "dispatcherd"},
		{"keepalive", "keepalives=1 keepalives_idle=10 keepalives_interval=5 keepalives_count=2 tcp_user_timeout=9000", "dispatcherd"},
		{"no keepalive", "keepalives=0 keepalives_idle=0 keepalives_interval=0 keepalives_count=0", "dispatcherd"},
		{"encoding", "client_encoding=auto options='-c search_path=public'", "dispatcherd"},
		{"name", "application_name=shop fallback_application_name=other", "shop"},
		{"second name", "fallback_application_name=other gssencmode=prefer sslcompression=0 load_balance_hosts=disable", "other"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := pgnotify.DefaultConfig()
			cfg.Conninfo = db.TCPConnInfo() + " " + tt.more
			if err := cfg.Validate(); err != nil {
				t.Fatalf("Validate = %v, want nil", err)
			}
			cfg.Channels = []string{tt.name}
			listen(t, cfg).awaitReady(t)
			if got := db.Exec(t, "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name = '"+tt.application+"' AND client_addr IS NOT NULL"); got != "t" {
				t.Errorf("no connection called %q", tt.application)
			}
		})
	}
}

func TestRefusedPasswordIsNotShown(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	right, _, _ := strings.Cut(db.TCPConnInfo(), " password=")
	_, rest, _ := strings.Cut(db.TCPConnInfo(), " dbname=")
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo = right + " password='hush quiet whisper' dbname=" + rest
	cfg.Channels = []string{"jobs"}

	l := listen(t, cfg)
	line := l.log.await(t, saidAbsent, 2)
	if !strings.Contains(line, "28P01") || strings.Contains(line, `\n`) {
		t.Errorf("the line of the failure is not one with SQLSTATE 28P01: %s", line)
	}
	assertSecret(t, "the log", l.log.String())
	assertSecret(t, "Stats", fmt.Sprintf("%+v", l.Stats()))
	err := publisher(t, cfg).Publish(t.Context(), "jobs", "x")
	if err == nil || !strings.Contains(err.Error(), "28P01") {
		t.Errorf("Publish = %v, want SQLSTATE 28P01", err)
	}
	assertSecret(t, "Publish", fmt.Sprintf("%v %+v", err, err))
	if failed := new(pgconn.ConnectError); errors.As(err, &failed) {
		t.Error("Publish gives away the whole configuration, password and all, with its error")
	}
}

func TestEnvironmentPassfileAndServiceFileAreHeeded(t *testing.T) {
	db := postgres.Shared(t).NewDatabase(t)
	fields := map[string]string{}
	for field := range strings.FieldsSeq(db.TCPConnInfo()) {
		key, value, _ := strings.Cut(field, "=")
		fields[key] = value
	}
	dir := t.TempDir()
	passfile, services := filepath.Join(dir, "pass"), filepath.Join(dir, "services")
	for path, text := range map[string]string{
		passfile: strings.Join([]string{fields["host"], fields["port"], fields["dbname"], fields["user"], fields["password"]}, ":"),
		services: "[shop]\ndbname=" + fields["dbname"] + "\nuser=" + fields["user"] + "\n",
	} {
		if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PGHOST", fields["host"])
	t.Setenv("PGPORT", fields["port"])
	t.Setenv("PGSSLMODE", "disable")
	t.Setenv("PGSERVICEFILE", services)
	cfg := pgnotify.DefaultConfig()
	cfg.Conninfo = "service=shop passfile=" + passfile
	cfg.Channels = []string{"jobs"}
	l := listen(t, cfg)
	l.awaitReady(t)
	db.Exec(t, "NOTIFY jobs, 'x'")
	if got := l.next(t).Payload; got != "x" {
		t.Errorf("received %q, want %q", got, "x")
	}
}
