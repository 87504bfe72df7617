package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestLogLinesOfTheDocumentAreReal looks for what docs/postgres.md quotes in the code
// that says it, or in the test that provokes it.
func TestLogLinesOfTheDocumentAreReal(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../pgnotify/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	// A text may be continued on the next line.
	all := strings.ReplaceAll(code.String(), "\" +\n\t\"", "")
	quoted := regexp.MustCompile(`msg="([^"]+)"|(certificate signed by unknown authority)|(certificate authentication failed)|err="(brokers[^"]+)"`)
	found := 0
	for line := range strings.Lines(readDocument(t, "docs/postgres.md")) {
		if !strings.HasPrefix(line, "level=") {
			continue
		}
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			found++
			if text := strings.Join(m[1:], ""); !strings.Contains(all, text) {
				t.Errorf("docs/postgres.md quotes %q, which nothing says", text)
			}
		}
	}
	if found < 9 {
		t.Errorf("only %d texts were found in docs/postgres.md", found)
	}
}
