package tests

import (
	"bufio"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// facts is the document with one row for each fact about the original.
const facts = "docs/compatibility.md"

// compatibility is what a table of facts is found to hold.
type compatibility struct {
	t    *testing.T
	rows map[string]int // by verdict
}

// Each row says something, and names tests that are there. Each section has facts, and
// the contents name it.
func TestEveryFactOfCompatibilityHasATest(t *testing.T) {
	t.Parallel()
	text := readDocument(t, facts)
	c := compatibility{t, map[string]int{}}
	c.read(text, testNames(t))
	t.Logf("%s: %v", facts, c.rows)
	contents, sections, _ := strings.Cut(text, "\n## ")
	all := strings.Split(sections, "\n## ")
	if len(all) < 12 {
		t.Errorf("%s has %d sections", facts, len(all))
	}
	for _, section := range all {
		title, _, _ := strings.Cut(section, "\n")
		if !strings.Contains(section, "| fact | here | shown by |") && title != faultsTitle {
			t.Errorf("the section %s has no table of facts", title)
		}
		if title != "The measure" && !strings.Contains(contents, "["+title+"](#") {
			t.Errorf("the contents do not name %s", title)
		}
	}
}

// read checks the rows of every table of facts; other tables are not looked at.
func (c compatibility) read(text string, known map[string]bool) {
	inside, number := false, 0
	for line := range strings.Lines(text) {
		number++
		cells := cellsOf(line)
		switch {
		case cells == nil:
			inside = false
		case slices.Equal(cells, []string{"fact", "here", "shown by"}):
			inside = true
		case inside && !strings.HasPrefix(cells[0], "---"):
			if problem := c.row(cells, known); problem != "" {
				c.t.Errorf("%s:%d: %s", facts, number, problem)
			}
		}
	}
}

// row counts a row by its verdict, or says what is wrong with it.
func (c compatibility) row(cells []string, known map[string]bool) (problem string) {
	if len(cells) != 3 || cells[0] == "" {
		return "a row has a fact, a verdict, and tests"
	}
	verdict := regexp.MustCompile(`^(?:same|better|not applicable)\b`).FindString(cells[1])
	switch {
	case verdict == "":
		return "a verdict is same, better or not applicable, not " + cells[1]
	case verdict != "same" && len(strings.TrimLeft(cells[1][len(verdict):], ": ")) == 0:
		return verdict + " needs a reason"
	}
	names := regexp.MustCompile("`(Test[A-Za-z0-9_]+|test_[a-z0-9_]+)`").FindAllStringSubmatch(cells[2], -1)
	if len(names) == 0 {
		return "no test shows it"
	}
	for _, name := range names {
		if !known[name[1]] {
			return "there is no test " + name[1]
		}
	}
	c.rows[verdict]++
	return ""
}

// cellsOf takes a line of a table apart, nil for any other. A bar that is part of a text has a
// backslash before it.
func cellsOf(line string) (cells []string) {
	line, ok := strings.CutPrefix(strings.TrimSpace(line), "|")
	if !ok {
		return nil
	}
	const bar = "\x00"
	line = strings.TrimSuffix(strings.ReplaceAll(line, `\|`, bar), "|")
	for cell := range strings.SplitSeq(line, "|") {
		cells = append(cells, strings.TrimSpace(strings.ReplaceAll(cell, bar, "|")))
	}
	return cells
}

// testNames are the names of all tests, in Go and in Python.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	goTest := regexp.MustCompile(`^func ((?:Test|Fuzz)\w+)\(`)
	pythonTest := regexp.MustCompile(`^ +(?:async )?def (test_\w+)\(`)
	err := filepath.WalkDir("..", func(path string, e os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "build" || strings.HasPrefix(e.Name(), ".") && len(e.Name()) > 2):
			return filepath.SkipDir
		case strings.HasSuffix(path, "_test.go"):
			return collect(path, goTest, names)
		case strings.Contains(path, "workers/python/tests/") && strings.HasSuffix(path, ".py"):
			return collect(path, pythonTest, names)
		}
		return nil
	})
	if err != nil || len(names) < 500 {
		t.Fatalf("%d tests were found: %v", len(names), err)
	}
	return names
}

// collect adds what a pattern finds in the lines of a file.
func collect(path string, pattern *regexp.Regexp, names map[string]bool) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if m := pattern.FindStringSubmatch(lines.Text()); m != nil {
			names[m[1]] = true
		}
	}
	return lines.Err()
}

// The check of the documents finds what it is there to find.
func TestRowOfCompatibilityThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"TestA": true, "test_b": true}
	for _, tt := range []struct{ line, want string }{
		{"| a fact | same | `TestA` |", ""},
		{"| a \\| b | better: how | `TestA`, `test_b` |", ""},
		{"| a fact | not applicable: why | `test_b` |", ""},
		{"| a fact | same, and more | `TestA` |", ""},
		{"| a fact | sameish | `TestA` |", "a verdict is same, better or not applicable, not sameish"},
		{"| a fact | same |", "a row has a fact, a verdict, and tests"},
		{"| | same | `TestA` |", "a row has a fact, a verdict, and tests"},
		{"| a fact | worse: how | `TestA` |", "a verdict is same, better or not applicable, not worse: how"},
		{"| a fact | better | `TestA` |", "better needs a reason"},
		{"| a fact | not applicable: | `TestA` |", "not applicable needs a reason"},
		{"| a fact | same | TestA |", "no test shows it"},
		{"| a fact | same | `TestB` |", "there is no test TestB"},
		{"| a fact | same | `TestA`, `test_c` |", "there is no test test_c"},
	} {
		c := compatibility{t, map[string]int{}}
		if got := c.row(cellsOf(tt.line), known); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.line, got, tt.want)
		}
		if (len(slices.Collect(maps.Keys(c.rows))) == 1) != (tt.want == "") {
			t.Errorf("%s was counted as %v", tt.line, c.rows)
		}
	}
}
