package differential

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// Every allowance is a row of the document.
func TestAllowancesAreRowsOfCompatibility(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, a := range allowances {
		row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(a.row) + ` \| (\w+)`).FindSubmatch(text)
		if row == nil {
			t.Errorf("the allowance %q: docs/compatibility.md has no row %q", name, a.row)
		}
	}
}

// README.md names every kind of steps, and no other.
func TestEveryKindOfStepsIsInTheTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		named[row[1]] = true
	}
	known := map[string]bool{"start": true, "retire": true, "age": true, "check": true, "schedule": true, "stop": true}
	for _, k := range kinds() {
		known[k.name] = true
	}
	for name := range known {
		if !named[name] {
			t.Errorf("README.md does not say what %q reaches", name)
		}
	}
	for name := range named {
		if !known[name] {
			t.Errorf("README.md names %q, which no script has", name)
		}
	}
}

// A seed is a script, and the same one each time.
func TestScriptOfASeedIsAlwaysTheSame(t *testing.T) {
	t.Parallel()
	for _, seed := range fixed {
		one, again := generate(seed, length).String(), generate(seed, length).String()
		if one != again {
			t.Errorf("seed %d gives two scripts", seed)
		}
		if seed%10 < 8 && strings.Count(one, "\n") < length {
			t.Errorf("the script of seed %d has fewer than %d steps", seed, length)
		}
	}
}

// What differs is found, whatever it is.
func TestDifferencesAreFound(t *testing.T) {
	t.Parallel()
	they := sight{"same": "1", "other": "1", "only theirs": "1"}
	we := sight{"same": "1", "other": "2", "only ours": "3"}
	want := map[string][2]string{"other": {"1", "2"}, "only theirs": {"1", absent}, "only ours": {absent, "3"}}
	all := differences(5, step{Kind: "task"}, they, we)
	if len(all) != len(want) {
		t.Fatalf("%d differences were found, want %d: %v", len(all), len(want), all)
	}
	for _, d := range all {
		if got := [2]string{d.theirs, d.mine}; got != want[d.path] || allowanceFor(d) != "" {
			t.Errorf("%s: %v, allowed by %q, want %v, allowed by none", d.path, got, allowanceFor(d), want[d.path])
		}
	}
}
