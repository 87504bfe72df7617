package tests

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// faultsTitle is the section of facts that lists the original's faults.
const faultsTitle = "The original's 44 faults"

// fault is a row of its table.
type fault struct {
	number int
	tests  []string
}

// The faults are numbered without a gap. Each row says what the original does, and names tests that are
// there. Each test of tests/faults has its row.
func TestEveryFaultOfTheOriginalHasARow(t *testing.T) {
	t.Parallel()
	known := testNames(t)
	_, section, _ := strings.Cut(readDocument(t, facts), "\n## "+faultsTitle)
	section, _, _ = strings.Cut(section, "\n## ")
	last, named := 0, map[string]bool{}
	for line := range strings.Lines(section) {
		cells := cellsOf(line)
		if cells == nil || cells[0] == "fault" || strings.HasPrefix(cells[0], "---") {
			continue
		}
		row, problem := readFault(cells, known)
		if problem != "" {
			t.Errorf("%s: %s: %s", facts, line, problem)
		}
		if row.number != last+1 {
			t.Errorf("%s: fault %d comes after %d", facts, row.number, last)
		}
		last = row.number
		for _, name := range row.tests {
			named[name] = true
		}
	}
	if last != 44 {
		t.Errorf("%s: the last fault is %d, want 44", facts, last)
	}
	for name := range known {
		if strings.HasPrefix(name, "TestInteropFault") && !named[name] {
			t.Errorf("%s: %s has no row", facts, name)
		}
	}
}

// readFault reads a row, or says what is wrong with it.
func readFault(cells []string, known map[string]bool) (f fault, problem string) {
	if len(cells) != 4 || slices.Contains(cells, "") {
		return f, "a row has a fault, what the original does, what ours does, and tests"
	}
	number := regexp.MustCompile(`^([0-9]+)\. \S`).FindStringSubmatch(cells[0])
	if number == nil {
		return f, "a fault has a number"
	}
	f.number, _ = strconv.Atoi(number[1]) // it is digits
	for _, name := range regexp.MustCompile("`(Test[A-Za-z0-9_]+|test_[a-z0-9_]+)`").FindAllStringSubmatch(cells[3], -1) {
		if f.tests = append(f.tests, name[1]); !known[name[1]] {
			return f, "there is no test " + name[1]
		}
	}
	own := fmt.Sprintf("TestInteropFault%02d", f.number)
	isOwn := func(name string) bool { return strings.HasPrefix(name, own) }
	switch how := regexp.MustCompile(`^(seen|mended|not shown): \S`).FindStringSubmatch(cells[1]); {
	case how == nil:
		return f, "what the original does is seen, mended, or not shown: and then what, or why"
	case how[1] != "not shown" && !slices.ContainsFunc(f.tests, isOwn):
		return f, "no test of tests/faults shows it"
	case len(f.tests) == 0:
		return f, "no test shows it"
	}
	return f, ""
}

// The check of the table finds what it is there to find.
func TestRowOfAFaultThatIsNoneIsRefused(t *testing.T) {
	t.Parallel()
	known := map[string]bool{"TestInteropFault07A": true, "test_b": true}
	for _, tt := range []struct{ line, want string }{
		{"| 7. it | seen: so | not | `TestInteropFault07A`, `test_b` |", ""},
		{"| 7. it | mended: so | not | `TestInteropFault07A` |", ""},
		{"| 8. it | not shown: why | not | `test_b` |", ""},
		{"| 7. it | seen: so | not |", "a row has a fault, what the original does, what ours does, and tests"},
		{"| it | seen: so | not | `test_b` |", "a fault has a number"},
		{"| 7. it | seen | not | `TestInteropFault07A` |", "what the original does is seen, mended, or not shown: and then what, or why"},
		{"| 7. it | seen: so | not | `test_b` |", "no test of tests/faults shows it"},
		{"| 8. it | seen: so | not | `TestInteropFault07A` |", "no test of tests/faults shows it"},
		{"| 8. it | not shown: why | not | test_b |", "no test shows it"},
		{"| 7. it | seen: so | not | `TestInteropFault07B` |", "there is no test TestInteropFault07B"},
	} {
		if _, got := readFault(cellsOf(tt.line), known); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.line, got, tt.want)
		}
	}
}
