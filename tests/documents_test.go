package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readDocument(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestEveryKeyOfTheSampleIsInTheDocument(t *testing.T) {
	t.Parallel()
	document := readDocument(t, "docs/configuration.md")
	section, keys := "", 0
	for line := range strings.Lines(readDocument(t, "packaging/systemd/dispatcherd.toml")) {
		line = strings.TrimPrefix(line, "#")
		if m := regexp.MustCompile(`^\[+([a-z_.]+)\]+`).FindStringSubmatch(line); m != nil {
			section = m[1] + "."
		}
		m := regexp.MustCompile(`^([a-z_]+) = `).FindStringSubmatch(line)
		if m == nil {
			continue
		}
		keys++
		key := section + m[1]
		if section == "on_start." || section == "schedule." {
			key = m[1] // the document lists these in one row
		}
		if !strings.Contains(document, "`"+key+"`") && !strings.Contains(document, "."+key+"`") {
			t.Errorf("docs/configuration.md does not explain %s", key)
		}
	}
	if keys < 20 {
		t.Errorf("only %d keys were found in the sample", keys)
	}
}

func TestFilesThatDocumentsNameAreThere(t *testing.T) {
	t.Parallel()
	named := regexp.MustCompile("(?:`|\\]\\()((?:\\.\\./)?(?:cgroups|cmd|control|daemon|docs|packaging|pgnotify|tests|workers)/[a-z_./]+\\.[a-z]+)")
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "docs/design.md", "docs/configuration.md", "docs/messages.md"} {
		found := named.FindAllStringSubmatch(readDocument(t, document), -1)
		if len(found) == 0 {
			t.Errorf("%s names no file", document)
		}
		for _, m := range found {
			path := strings.TrimPrefix(m[1], "../")
			if _, err := os.Stat(filepath.Join("..", path)); err != nil {
				t.Errorf("%s names %s, which is not there", document, path)
			}
		}
	}
}

func TestLinksToHeadingsLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([a-zA-Z_./-]*\.md)#([a-z0-9-]+)\)`)
	found := 0
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "docs/design.md", "docs/configuration.md", "docs/changing-over.md", "docs/messages.md"} {
		for _, m := range link.FindAllStringSubmatch(readDocument(t, document), -1) {
			found++
			target := filepath.Join(filepath.Dir(document), m[1])
			heading := regexp.MustCompile(`(?mi)^#+ ` + strings.ReplaceAll(m[2], "-", "[ -]") + `$`)
			if !heading.MatchString(strings.ReplaceAll(readDocument(t, target), "'", "")) {
				t.Errorf("%s links to %s#%s, which is not there", document, target, m[2])
			}
		}
	}
	if found == 0 {
		t.Error("no link to a heading was found")
	}
}
