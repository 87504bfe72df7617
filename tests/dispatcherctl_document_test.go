package tests

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

func TestExamplesOfTheDocumentOfDispatcherctl(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	d := start(t, strings.Replace(config(t, "", "max_workers = 1", listening(db, "jobs")), `node_id = "test"`, `node_id = "web-1"`, 1))
	d.waitLog(lineListening)
	waitFor(t, "a worker that is ready", func() bool { return d.figure("pool", "ready") == 1 })
	before := d.figure("main", "control_count")
	examples := consoleExamples(readDocument(t, "docs/dispatcherctl.md"))
	if len(examples) < 10 {
		t.Fatalf("only %d examples were found", len(examples))
	}
	for _, e := range examples {
		got := shell(t, d.dir, e.command)
		if e.command == "dispatcherctl main -o json" { // the test has asked before
			got = strings.NewReplacer(
				fmt.Sprintf(`"control_count": %d`, before+3), `"control_count": 3`,
				fmt.Sprintf(`"received_count": %d`, before+3), `"received_count": 3`,
			).Replace(got)
		}
		if !e.matches(got) {
			t.Errorf("$ %s\n%s\nthe document has:\n%s", e.command, got, e.output)
		}
	}
}

// consoleExample is a command with what it prints, in which "..." stands for anything within a line, and as the last
// line for more of them.
type consoleExample struct{ command, output string }

func (e consoleExample) matches(got string) bool {
	output, more := strings.CutSuffix(e.output, "\n...\n")
	pattern := strings.ReplaceAll(regexp.QuoteMeta(output), `\.\.\.`, `.*`)
	if more {
		pattern += `\n(?s:.*)`
	}
	return regexp.MustCompile(`\A` + strings.ReplaceAll(pattern, " ", " +") + `\z`).MatchString(got)
}

// consoleExamples finds the commands in the blocks of a document that show a console.
func consoleExamples(document string) (all []consoleExample) {
	for _, block := range regexp.MustCompile("(?ms)^```console\n(.*?)^```$").FindAllStringSubmatch(document, -1) {
		text := "\n" + strings.TrimSuffix(block[1], "\n")
		for _, part := range strings.Split(text, "\n$ ")[1:] {
			command, output, _ := strings.Cut(part+"\n", "\n")
			all = append(all, consoleExample{command, output})
		}
	}
	return all
}

// shell runs a command line with our programs on the path and returns what it printed.
func shell(t *testing.T, dir, command string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PATH="+programs+":"+os.Getenv("PATH"), "DISPATCHERD_CONFIG_FILE=")
	out, _ := cmd.CombinedOutput() // some end with another code, and say why
	return string(out)
}
