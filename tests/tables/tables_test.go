package tables

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteReplacesWhatStandsBetweenItsLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "d.md")
	if err := os.WriteFile(path, []byte("# A\n<!-- tables: made by make x -->\nold\n<!-- end of the tables -->\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tables := range []string{"first\n", "second\n"} {
		if err := Write(path, "make x", tables); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	want := "# A\n<!-- tables: made by make x -->\n\nsecond\n\n<!-- end of the tables -->\nafter\n"
	if err != nil || string(got) != want {
		t.Errorf("the document is %q, %v, want %q", got, err, want)
	}
	if err := Write(path, "make y", "z"); err == nil || !strings.Contains(err.Error(), "make y") {
		t.Errorf("Write() = %v, want an error that names the missing line", err)
	}
}
