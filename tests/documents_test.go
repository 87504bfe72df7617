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

// sources is the text of the programs and of the Python that they bring, tests aside.
func sources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, dir := range []string{"cgroups", "cmd", "control", "daemon", "pgnotify", "workers"} {
		err := filepath.WalkDir(filepath.Join("..", dir), func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() || strings.Contains(path, "test") || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".py") {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// What stands between the places that differ is in the code, word by word; what Postgres says is its own.
func TestTroubleshootingDocumentNamesWhatTheProgramsSay(t *testing.T) {
	t.Parallel()
	code, found := sources(t), 0
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (.*) \\|$").FindAllStringSubmatch(readDocument(t, "docs/troubleshooting.md"), -1) {
		found++
		if strings.HasPrefix(m[2], "Postgres' own words") {
			continue
		}
		for _, part := range strings.Split(m[1], "…") {
			if part = strings.TrimSpace(part); !strings.Contains(code, part) {
				t.Errorf("docs/troubleshooting.md: nothing says %q", part)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d messages were found", found)
	}
}

func TestDocumentsThatAreLinkedAreThere(t *testing.T) {
	t.Parallel()
	link, found := regexp.MustCompile(`\]\(([a-zA-Z_./-]+)(?:#[a-z0-9_-]+)?\)`), 0
	for _, document := range documents(t) {
		for _, m := range link.FindAllStringSubmatch(readDocument(t, document), -1) {
			found++
			if _, err := os.Stat(filepath.Join("..", filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", document, m[1])
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d links were found", found)
	}
}

func TestEveryDocumentIsInTheREADME(t *testing.T) {
	t.Parallel()
	readme := readDocument(t, "README.md")
	_, list, _ := strings.Cut(readme, "## Documents")
	for _, document := range documents(t)[1:] {
		if n := strings.Count(list, "["+document+"]("+document+")"); n != 1 {
			t.Errorf("the README's list of documents names %s %d times", document, n)
		}
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
