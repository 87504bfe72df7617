package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// skipAbsent skips the test when there is no PostgreSQL server, unless there must be one.
func skipAbsent(t *testing.T, status int) {
	t.Helper()
	if status == exitUnavailable && os.Getenv("DISPATCHERD_TEST_REQUIRE") != "1" {
		t.Skip(postgres.ErrAbsent)
	}
}

func TestExitStatusIsTheCommands(t *testing.T) {
	for _, tt := range []struct {
		name string
		args []string
		want int
	}{
		{"success", []string{"--", "true"}, 0},
		{"failure", []string{"sh", "-c", "exit 7"}, 7},
		{"signal", []string{"--", "sh", "-c", "kill -TERM $$"}, 143},
		{"no such command", []string{"--", "/nonexistent/command"}, 127},
		{"nothing to run", []string{"--"}, 64},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := run(tt.args); got != tt.want {
				skipAbsent(t, got)
				t.Errorf("run(%q) = %d, want %d", tt.args, got, tt.want)
			}
		})
	}
}

func TestCommandFindsTheDatabase(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	status := run([]string{"--", "sh", "-c", `test -S "$PGHOST/.s.PGSQL.$PGPORT" && echo "$PGUSER $PGDATABASE $DISPATCHERD_DEMO_CONNINFO" > ` + out})
	skipAbsent(t, status)
	text, err := os.ReadFile(out)
	if status != 0 || err != nil || !strings.HasPrefix(string(text), "postgres postgres host=/") {
		t.Errorf("run = %d, %v, the command saw %q, want user, database and where they are", status, err, text)
	}
}

func TestAbsentServerIs69(t *testing.T) {
	t.Setenv("PG_BINDIR", t.TempDir())
	if got := run([]string{"--", "true"}); got != 69 {
		t.Errorf("run without a server = %d, want 69", got)
	}
}
