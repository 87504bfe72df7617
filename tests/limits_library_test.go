package tests

import (
	"testing"

	"dispatcherd/tests/postgres"
)

// A project may limit its tasks before its services are all ours.
func TestServiceOfTheOriginalIgnoresLimits(t *testing.T) {
	t.Parallel()
	virtual(t)
	for _, o := range startOriginal(t, postgres.Shared(t).NewDatabase(t)) {
		path := t.TempDir() + "/ran"
		ours{o.name, encode(t, map[string]any{"version": 2, "brokers": o.brokers})}.run(t,
			`jobs.record.apply_async(args=[args[0], "limited"], limits={"memory_max": "1G", "tasks_max": 9})`, path)
		if lines := waitFile(t, path, 1); lines[0] != `[["limited"], {}]` {
			t.Errorf("over %s the task with limits was called with %s", o.name, lines[0])
		}
	}
}
