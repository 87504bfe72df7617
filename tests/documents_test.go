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

// documents names everything that is written for people.
func documents(t *testing.T) []string {
	t.Helper()
	names := []string{"README.md", "CONTRIBUTING.md"}
	found, err := filepath.Glob("../docs/*.md")
	if err != nil || len(found) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	for _, path := range found {
		names = append(names, strings.TrimPrefix(path, "../"))
	}
	return names
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
	count := 0
	for _, document := range documents(t) {
		found := named.FindAllStringSubmatch(readDocument(t, document), -1)
		count += len(found)
		for _, m := range found {
			path := strings.TrimPrefix(m[1], "../")
			if _, err := os.Stat(filepath.Join("..", path)); err != nil {
				t.Errorf("%s names %s, which is not there", document, path)
			}
		}
	}
	if count < 30 {
		t.Errorf("only %d names of files were found", count)
	}
}

func TestLinksToHeadingsLeadSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([a-zA-Z_./-]*\.md)#([a-z0-9-]+)\)`)
	found := 0
	for _, document := range documents(t) {
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
