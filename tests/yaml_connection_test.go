package tests

import (
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	daemonconfig "dispatcherd/daemon/config"
)

// What psycopg's connect is given must lead to the same place as our conninfo: libpq
// reads both, and says what it has understood.
func TestConnectionArgumentsAreThoseOfPsycopg(t *testing.T) {
	t.Parallel()
	arguments := []map[string]any{
		{"conninfo": "dbname=app user=me"},
		{"conninfo": ""},
		{"dbname": "a b", "user": "it's", "password": `back\slash and 'quotes'`, "host": "/run/pg", "port": 5433},
		{"conninfo": `host=x dbname='old one' password='p\'w'`, "dbname": "new", "port": nil, "options": "-c search_path=a"},
		{"conninfo": "postgresql://me:p%20w@db:5433/app?sslmode=require", "application_name": "jobs and more", "dbname": "other"},
		{"conninfo": "host = x   port='1'", "keepalives": 1, "keepalives_idle": 5},
		{"host": "", "connect_timeout": 3},
		{"conninfo": "user=a user=b", "sslmode": "disable"},
		{"conninfo": "dbname=app", "autocommit": true, "context": nil, "prepare_threshold": nil, "cursor_factory": nil, "row_factory": nil},
	}
	var ours []string
	for _, a := range arguments {
		path := filepath.Join(t.TempDir(), "x.yml")
		write(t, path, encode(t, map[string]any{"version": 2, "brokers": map[string]any{"pg_notify": map[string]any{"config": a}}}), 0o600)
		c, err := daemonconfig.Load(path)
		if err != nil {
			t.Fatalf("%v: %v", a, err)
		}
		ours = append(ours, c.PgNotify.Conninfo)
	}
	const code = `
import json, sys
from psycopg.conninfo import conninfo_to_dict, make_conninfo
for_python = ("autocommit", "context", "prepare_threshold", "cursor_factory", "row_factory")
for arguments, ours in json.load(sys.stdin):
    for name in for_python:
        arguments.pop(name, None)
    print(json.dumps([conninfo_to_dict(make_conninfo(**arguments)), conninfo_to_dict(ours)]))
`
	var pairs [][2]any
	for i, a := range arguments {
		pairs = append(pairs, [2]any{a, ours[i]})
	}
	cmd := exec.CommandContext(t.Context(), virtual(t), "-c", code)
	cmd.Stdin = strings.NewReader(encode(t, pairs))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		var understood [2]map[string]any
		if err := json.Unmarshal([]byte(line), &understood); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if diff := cmp.Diff(understood[0], understood[1]); diff != "" {
			t.Errorf("%v: %q is another connection (-psycopg +ours):\n%s", arguments[n], ours[n], diff)
		}
		n++
	}
	if n != len(arguments) {
		t.Errorf("%d of %d were compared", n, len(arguments))
	}
}
