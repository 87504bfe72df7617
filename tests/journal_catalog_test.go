package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"dispatcherd/daemon/journal"
)

const catalogFile = "packaging/systemd/dispatcherd.catalog"

// catalogued are the entries of the catalog by their ids.
func catalogued(t *testing.T) map[string]string {
	t.Helper()
	entries := map[string]string{}
	for i, text := range strings.Split("\n"+readDocument(t, catalogFile), "\n-- ") {
		id, entry, _ := strings.Cut(text, "\n")
		if i == 0 {
			continue // the comment in front
		}
		if _, twice := entries[id]; twice {
			t.Errorf("%s has %s twice", catalogFile, id)
		}
		entries[id] = entry
	}
	return entries
}

func TestCatalogHasWhatThereIsToKnowOfEveryEvent(t *testing.T) {
	t.Parallel()
	entries := catalogued(t)
	for name, id := range journal.Events {
		entry, ok := entries[id]
		if !ok {
			t.Errorf("%s has no entry for %s (%s)", catalogFile, name, id)
			continue
		}
		delete(entries, id)
		head, text, _ := strings.Cut(entry, "\n\n")
		if !regexp.MustCompile(`\ASubject: \S.*\nDefined-By: dispatcherd\nDocumentation: \S+\z`).MatchString(head) {
			t.Errorf("the entry of %s begins with %q", name, head)
		}
		if len(strings.Fields(text)) < 20 {
			t.Errorf("the entry of %s says only %q", name, text)
		}
	}
	for id := range entries {
		t.Errorf("%s has an entry for %s, which is no event", catalogFile, id)
	}
}

func TestCatalogNamesFieldsThatEntriesHave(t *testing.T) {
	t.Parallel()
	for _, field := range regexp.MustCompile(`@([A-Z_]+)@`).FindAllStringSubmatch(readDocument(t, catalogFile), -1) {
		if !slices.Contains([]string{"DISPATCHERD_TASK", journal.TaskUUID}, field[1]) {
			t.Errorf("%s names the field %s, which not every entry of an event has", catalogFile, field[1])
		}
	}
}

func TestEveryEventIsWrittenSomewhere(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile(`"event", "([a-z-]+)"`)
	written := map[string]bool{}
	eachGoFile(t, func(_, file string, _ []string) {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Error(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			return
		}
		for _, m := range named.FindAllStringSubmatch(string(text), -1) {
			written[m[1]] = true
			if journal.Events[m[1]] == "" {
				t.Errorf("%s writes the event %s, which has no id", file, m[1])
			}
		}
	})
	for name := range journal.Events {
		if !written[name] {
			t.Errorf("nothing writes the event %s", name)
		}
	}
}

func TestJournalctlReadsTheCatalog(t *testing.T) {
	t.Parallel()
	journalctl, err := exec.LookPath("journalctl")
	if err != nil {
		t.Skip("journalctl is not there")
	}
	root := t.TempDir()
	for _, dir := range []string{"usr/lib/systemd/catalog", "var/lib/systemd/catalog"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "usr/lib/systemd/catalog/dispatcherd.catalog"), []byte(readDocument(t, catalogFile)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), journalctl, "--root", root, "--update-catalog").CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("journalctl --update-catalog: %v\n%s", err, out)
	}
	for name, id := range journal.Events {
		out, err := exec.CommandContext(t.Context(), journalctl, "--root", root, "--dump-catalog", id).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "Defined-By: dispatcherd\n") {
			t.Errorf("journalctl shows for %s: %v\n%s", name, err, out)
		}
	}
}
