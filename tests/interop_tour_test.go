package tests

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// The tour is the demonstration of the original, with every step looked at.
func TestInteropTourOfTwoDaemonsComesToItsEnd(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	north := startTour(t, db, "north")
	startTour(t, db, "south")
	ctx, cancel := context.WithTimeout(t.Context(), 2*bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, virtual(t), "project/tour.py", encode(t, map[string]any{"version": 2, "brokers": overPostgres(t, db, "both").brokers}), t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "\nthe end\n") {
		t.Errorf("the tour ended with %v:\n%s\nlog of north:\n%s", err, out, north.log)
	}
}

// startTour starts one of the two daemons.
func startTour(t *testing.T, db *postgres.Database, node string) *daemon {
	t.Helper()
	worker := fmt.Sprintf("%s\ntasks = \"any\"\nenv = { APP_NODE = %q }", withOriginal(t), node)
	sections := listening(db, node, "both")
	toml := config(t, worker, "max_workers = 4\nshutdown_grace = \"0s\"", sections)
	toml = strings.Replace(toml, "app.tasks", "app.tour", 1)
	d := start(t, strings.Replace(toml, `node_id = "test"`, fmt.Sprintf("node_id = %q", node), 1))
	d.waitLog(lineListening)
	return d
}
