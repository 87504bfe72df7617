package pgnotify

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
)

// parse reads Conninfo, with Passfile in it. It reads a password file, and no credential.
func (c Config) parse() (*pgx.ConnConfig, error) {
	conninfo, err := c.whole()
	if err != nil {
		return nil, configError(err)
	}
	parsed, err := parseConninfo(conninfo)
	if err != nil {
		return nil, configError(err)
	}
	return parsed, nil
}

// whole returns Conninfo with the password file that counts, and none where it is a credential.
func (c Config) whole() (string, error) {
	switch {
	case IsCredential(c.passfile()):
		return WithKeywords(c.Conninfo, Keyword{"passfile", ""})
	case c.Passfile != "":
		return WithKeywords(c.Conninfo, Keyword{"passfile", c.Passfile})
	}
	return c.Conninfo, nil
}

// passfile returns what either setting names; "" if neither does.
func (c Config) passfile() string { return cmp.Or(c.Passfile, keyword(c.Conninfo, "passfile")) }

// sameServer tells whether a connection that was made with c is one that other wants.
func (c Config) sameServer(other Config) bool {
	return c.Conninfo == other.Conninfo && c.Passfile == other.Passfile
}

// parseConninfo reads what libpq would read, as far as pgx does, and settles the rest: a keyword
// that pgx does not know would otherwise go to the server as a run-time setting. Its errors are
// built from fixed texts: conninfo may hold a password anywhere, most of all when it is malformed.
func parseConninfo(conninfo string) (*pgx.ConnConfig, error) {
	if strayAt(conninfo) {
		return nil, errors.New("must be a URL in which only the host has an @ before it (write %40 for one in a name or a password)")
	}
	parsed, err := pgx.ParseConfig(conninfo)
	if err == nil && openPassfile(keyword(conninfo, "passfile")) != "" {
		parsed, err = pgx.ParseConfig(withoutPassfile(conninfo))
	}
	if err != nil {
		return nil, parseProblem(err)
	}
	params, err := takeKeywords(parsed.RuntimeParams, mayHoldSecret(conninfo))
	if err != nil {
		return nil, err
	}
	parsed.RuntimeParams = params.server
	dialer := params.dialer
	dialer.Timeout = parsed.ConnectTimeout
	parsed.DialFunc = dialer.DialContext
	if parsed.DefaultQueryExecMode == pgx.QueryExecModeCacheStatement {
		// A pooler that hands out another session for each transaction knows no prepared statements.
		parsed.DefaultQueryExecMode = pgx.QueryExecModeExec
	}
	return parsed, nil
}

// configError says which setting an error of parseConninfo is about.
func configError(err error) error { return fmt.Errorf("brokers.pg_notify.conninfo: %w", err) }

// strayAt tells whether a URL has an @ that does not end its user part. pgx and libpq would take
// what follows the first one for a host, and so send a piece of the password to the name server
// and into error texts.
func strayAt(conninfo string) bool {
	scheme, rest, _ := strings.Cut(conninfo, "://")
	if scheme != "postgres" && scheme != "postgresql" {
		return false
	}
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		rest = rest[i+1:]
	}
	rest, _, _ = strings.Cut(rest, "?")
	return strings.Contains(rest, "@")
}

// mayHoldSecret tells whether conninfo may hold a password, so that none of its words can be shown.
func mayHoldSecret(conninfo string) bool {
	return strings.Contains(conninfo, "@") || strings.Contains(strings.ToLower(conninfo), "pass")
}

// parseProblem says what pgx did not like, in words of our own. pgx's text quotes the string, with
// what it takes for the password removed, which fails when the string is not what it should be.
func parseProblem(err error) error {
	text := err.Error()
	if i := strings.LastIndex(text, "`: "); i >= 0 {
		text = text[i+len("`: "):]
	}
	for _, p := range parseProblems {
		if strings.HasPrefix(text, p.pgx) {
			var file *fs.PathError
			if errors.As(err, &file) {
				return fmt.Errorf("%s: %w", p.ours, file)
			}
			return errors.New(p.ours)
		}
	}
	return errors.New("must be keyword=value pairs or a postgres:// URL as libpq takes it")
}

// parseProblems are the beginnings of pgx's messages, and what we say instead.
var parseProblems = []struct{ pgx, ours string }{
	{"failed to parse as URL", "must be a whole postgres:// URL, with special characters percent-encoded"},
	{"failed to parse as keyword/value", `must be keyword=value pairs, a value with blanks in '...', or a postgres:// URL`},
	{"failed to read service", "must name a service that is in the service file"},
	{"failed to configure TLS", "must hold TLS settings that can be used (sslmode, sslrootcert, sslcert, sslkey)"},
	{"could not match", "must hold one port, or one for each host"},
	{"invalid port", "must hold a port from 1 to 65535"},
	{"invalid connect_timeout", "must hold connect_timeout in whole seconds"},
	{"unknown target_session_attrs", "must hold target_session_attrs any, read-write, read-only, primary, standby or prefer-standby"},
	{"unknown channel_binding", "must hold channel_binding disable, prefer or require"},
	{"invalid require_auth", "must hold require_auth with names of authentication methods"},
	{"invalid sslcertmode", "must hold sslcertmode disable, allow or require"},
	{"invalid min_protocol_version", "must hold min_protocol_version 3.0, 3.2 or latest"},
	{"invalid max_protocol_version", "must hold max_protocol_version 3.0, 3.2 or latest"},
	{"min_protocol_version cannot", "must hold a min_protocol_version that is not above max_protocol_version"},
	{"invalid default_query_exec_mode", "must hold default_query_exec_mode cache_statement, cache_describe, describe_exec, exec or simple_protocol"},
}
