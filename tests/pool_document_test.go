package tests

import (
	"regexp"
	"strings"
	"testing"
)

// shown is what docs/pool.md shows as the output of a command.
func shown(t *testing.T, command string) string {
	t.Helper()
	_, after, ok := strings.Cut(readDocument(t, "docs/pool.md"), "\n$ "+command+"\n")
	output, _, end := strings.Cut(after, "```")
	if !ok || !end {
		t.Fatalf("docs/pool.md does not show the output of %s", command)
	}
	return output
}

// withoutVarying is a table without what differs each time: numbers of processes, times, sizes, widths.
func withoutVarying(table string) string {
	table = regexp.MustCompile(`\d+(\.\d+)?(µs|ms|s|K|M|G)\b|worker-\d+ +\d+`).ReplaceAllString(table, "N")
	return regexp.MustCompile(` +`).ReplaceAllString(table, " ")
}

func TestPoolDocumentShowsRealOutput(t *testing.T) {
	t.Parallel()
	d := start(t, config(t, "", "max_workers = 2"))
	d.task("app.tasks.leave", "--arg", "1")
	h := d.hold("pack-1")
	const workers = "dispatcherctl workers --output table"
	if got, want := withoutVarying(d.ctl(strings.Fields(workers)[1:]...).stdout), withoutVarying(shown(t, workers)); got != want {
		t.Errorf("docs/pool.md shows\n%s, which is now\n%s", want, got)
	}
	h.letGo()
	h.wantEnd(0, "outcome: succeeded")
}

func TestPoolDocumentShowsARealCrashLoop(t *testing.T) {
	t.Parallel()
	toml, _ := brokenClass(t, "post_task", "")
	d := start(t, toml)
	for range 4 {
		d.wantWork()
	}
	d.waitLog(crashLoop)
	const status = "dispatcherctl status --output table"
	// The next worker may be there already.
	workers := regexp.MustCompile(`(?m)^workers .*; ended`)
	now := workers.ReplaceAllString(withoutVarying(d.ctl(strings.Fields(status)[1:]...).stdout), "workers; ended")
	lines := 0
	for line := range strings.Lines(workers.ReplaceAllString(withoutVarying(shown(t, status)), "workers; ended")) {
		switch {
		case line == "…\n":
		case !strings.Contains("\n"+now, "\n"+line):
			t.Errorf("docs/pool.md shows %q, which is not in\n%s", line, now)
		default:
			lines++
		}
	}
	if lines < 4 {
		t.Errorf("docs/pool.md shows %d lines, want 4 at least", lines)
	}
}
