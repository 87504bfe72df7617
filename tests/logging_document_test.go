package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"dispatcherd/daemon/journal"
	"dispatcherd/daemon/journal/journaltest"
)

func TestExampleOfLoggingDoesWhatTheDocumentSays(t *testing.T) {
	t.Parallel()
	modules := fenced(t, "docs/logging.md", "python")
	if len(modules) != 1 {
		t.Fatalf("the document has %d modules", len(modules))
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "shop"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "shop", "orders.py"), []byte(modules[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	d, record := startWithJournal(t, config(t, fmt.Sprintf("env = { PYTHONPATH = %q }", dir), "max_workers = 1"))
	if a := d.task("shop.orders.ship", "--arg", "7", "--uuid", "u-1"); a.code != 0 {
		t.Fatalf("the task ended with\n%s%s", a.stdout, a.stderr)
	}
	ofLogger := journaltest.Entry{
		journal.TaskUUID: "u-1", "DISPATCHERD_TASK": "shop.orders.ship", "DISPATCHERD_WORKER": "0",
		"DISPATCHERD_STREAM": "logging", "DISPATCHERD_LOGGER": "shop.orders", "DISPATCHERD_PART": "worker",
	}
	said := record.With(ofLogger)
	if len(said) != 2 {
		t.Fatalf("the journal has %v, want two entries", said)
	}
	if e := said[0]; e["PRIORITY"] != "4" || e["MESSAGE"] != "order 7 is late" {
		t.Errorf("the first entry is %v", e)
	}
	if e := said[1]; e["PRIORITY"] != "3" || !strings.HasPrefix(e["MESSAGE"], "order 7 has no address\nTraceback ") || !strings.HasSuffix(e["MESSAGE"], "\nKeyError: 'address'") {
		t.Errorf("the second entry is %v", e)
	}
}
