package tests

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Each yaml block of the document is dispatcher.yml for the console blocks behind it.
func TestExamplesOfChangingOverAreTrue(t *testing.T) {
	t.Parallel()
	dir, commands := t.TempDir(), 0
	block := regexp.MustCompile("(?ms)^```(yaml|console)\n(.*?)^```$")
	for _, m := range block.FindAllStringSubmatch(readDocument(t, "docs/changing-over.md"), -1) {
		if m[1] == "yaml" {
			write(t, filepath.Join(dir, "dispatcher.yml"), m[2], 0o600)
			continue
		}
		commands++
		line, want, _ := strings.Cut(m[2], "\n")
		words := strings.Fields(strings.TrimPrefix(line, "$ "))
		if a := runProgram(t, dir, words[0], words[1:]...); a.stdout+a.stderr != want {
			t.Errorf("%s prints\n%s%s\nthe document says\n%s", line, a.stdout, a.stderr, want)
		}
	}
	if commands < 4 {
		t.Errorf("the document has %d examples with a command", commands)
	}
}
