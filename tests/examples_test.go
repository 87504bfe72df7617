package tests

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// example is a fenced block of a document.
type example struct {
	language, text string
	line           int
}

// examplesOf returns the fenced blocks of a document.
func examplesOf(t *testing.T, document string) (blocks []example) {
	t.Helper()
	n, in := 0, false
	for line := range strings.Lines(readDocument(t, document)) {
		n++
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && !in:
			blocks = append(blocks, example{language: strings.TrimSpace(language), line: n})
			in = true
		case fence:
			in = false
		case in:
			blocks[len(blocks)-1].text += line
		}
	}
	if in || len(blocks) == 0 {
		t.Fatalf("%s has no examples, or one without an end", document)
	}
	return blocks
}

// writeModules writes the Python of a document into dir: each block goes to the
// end of the file that its first line names.
func writeModules(t *testing.T, dir string, blocks []example) {
	t.Helper()
	for _, b := range blocks {
		name, ok := strings.CutPrefix(strings.SplitN(b.text, "\n", 2)[0], "# ")
		if b.language != "python" || !ok || !strings.HasSuffix(name, ".py") {
			continue
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteString(b.text + "\n")
		if closed := f.Close(); err != nil || closed != nil {
			t.Fatal(err, closed)
		}
	}
}

// varying is what differs from run to run.
var varying = []struct {
	what *regexp.Regexp
	mask string
}{
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`(run time +)[0-9].*`), "${1}TIME"},
	{regexp.MustCompile(`[0-9.]+(µs|ms|s) ago`), "TIME ago"},
	{regexp.MustCompile(`(worker +)[0-9]+`), "${1}N"},
	{regexp.MustCompile(`worker-[0-9]+`), "worker-N"},
	{regexp.MustCompile(`(?m)^(CPU time|memory) +[0-9].*$`), "$1 FIGURE"},
	{regexp.MustCompile(`(?m)^(queue time|PIDs|read|written) +[0-9].*\n`), ""}, // which not every run has
	{regexp.MustCompile(`  +`), "  "},                                          // the columns are as wide as what is in them
}

func masked(text string) string {
	for _, v := range varying {
		text = v.what.ReplaceAllString(text, v.mask)
	}
	return text
}

// runConsole types the commands of a console block and compares what they print,
// whatever varies aside.
func (d *daemon) runConsole(document string, b example) {
	d.t.Helper()
	var got strings.Builder
	for line := range strings.Lines(b.text) {
		command, ok := strings.CutPrefix(line, "$ ")
		if !ok {
			continue
		}
		got.WriteString(line + d.shell(strings.TrimSpace(command)))
	}
	if diff := cmp.Diff(masked(b.text), masked(got.String())); diff != "" {
		d.t.Errorf("%s:%d does not show what happens (-document +here):\n%s", document, b.line, diff)
	}
}

// shell runs one command line in the daemon's directory and returns what a person
// would see, an exit code other than 0 included.
func (d *daemon) shell(command string) string {
	d.t.Helper()
	script := `export PATH="$1:$PATH"; eval "$2" 2>&1; code=$?; [ $code = 0 ] || echo "(exit code $code)"`
	return runCommand(d.t, d.dir, "sh", "-c", script, "sh", programs, command)
}

func TestExamplesOfTasks(t *testing.T) {
	t.Parallel()
	const document = "docs/tasks.md"
	blocks := examplesOf(t, document)
	dir := t.TempDir()
	writeModules(t, dir, blocks)
	d := start(t, "version = 2\n[worker]\npythonpath = ['"+dir+"']\npreload = ['shop.tasks']\n"+
		"[brokers.socket]\npath = 'd.sock'\n[pool]\nmax_workers = 1\ncancel_grace = '1s'\n")
	for _, b := range blocks {
		if b.language == "console" {
			// The worker of the block before it may have been killed there.
			waitFor(t, "a worker that is ready", func() bool { return d.figure("pool", "ready") == 1 })
			d.runConsole(document, b)
		}
	}
}

// runCommand runs a program to its end, whatever its exit code, and returns what it
// wrote to standard output.
func runCommand(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return string(out)
}
