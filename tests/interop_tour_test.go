package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// The tour is a demonstration of all that a project does, with every step looked at. The
// program and the tasks have the same library.
func TestInteropTourOfTwoDaemonsComesToItsEnd(t *testing.T) {
	t.Parallel()
	ours, err := filepath.Abs("../workers/python")
	if err != nil {
		t.Fatal(err)
	}
	for _, lib := range []struct{ name, path, worker string }{
		{"the original", filepath.Dir(filepath.Dir(virtual(t))) + "/lib", withOriginal(t)},
		{"ours", ours, `python = "python3"`},
	} {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			db := postgres.Shared(t).NewDatabase(t)
			north := startTour(t, db, "north", lib.worker)
			startTour(t, db, "south", lib.worker)
			ctx, cancel := context.WithTimeout(t.Context(), 2*bound)
			defer cancel()
			settings := map[string]any{"version": 2, "brokers": overPostgres(t, db, "both").brokers}
			cmd := exec.CommandContext(ctx, virtual(t), "project/tour.py", encode(t, settings), t.TempDir())
			if lib.name == "ours" {
				cmd.Env = append(os.Environ(), "PYTHONPATH="+lib.path)
			}
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.HasSuffix(string(out), "\nthe end\n") {
				t.Errorf("the tour ended with %v:\n%s\nlog of north:\n%s", err, out, north.log)
			}
			if !strings.HasPrefix(string(out), "with "+lib.path) {
				t.Errorf("the program's library is not %s:\n%s", lib.name, out)
			}
		})
	}
}

// startTour starts one of the two daemons.
func startTour(t *testing.T, db *postgres.Database, node, worker string) *daemon {
	t.Helper()
	worker = fmt.Sprintf("%s\ntasks = \"any\"\nenv = { APP_NODE = %q }", worker, node)
	toml := config(t, worker, "max_workers = 4\nshutdown_grace = \"0s\"", listening(db, node, "both"))
	toml = strings.Replace(toml, "app.tasks", "app.tour", 1)
	d := start(t, strings.Replace(toml, `node_id = "test"`, fmt.Sprintf("node_id = %q", node), 1))
	d.waitLog(lineListening)
	return d
}
