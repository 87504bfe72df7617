package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fenced returns the examples of a language in a document.
func fenced(t *testing.T, document, language string) (examples []string) {
	t.Helper()
	block := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, m := range block.FindAllStringSubmatch(readDocument(t, document), -1) {
		examples = append(examples, m[1])
	}
	return examples
}

func TestExamplesOfWorkerClassesDoWhatTheDocumentSays(t *testing.T) {
	t.Parallel()
	const document = "docs/worker-classes.md"
	modules, keys, printed := fenced(t, document, "python"), fenced(t, document, "toml"), fenced(t, document, "text")
	if len(modules) != 2 || len(keys) != 1 || len(printed) != 1 {
		t.Fatalf("the document has %d modules, %d configurations and %d outputs", len(modules), len(keys), len(printed))
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "hooks.py"), []byte(modules[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	d := start(t, config(t, fmt.Sprintf("%s\nenv = { PYTHONPATH = %q }", strings.TrimPrefix(keys[0], "[worker]\n"), dir), "max_workers = 1"))
	d.task("hooks.first", "--arg", `"Ada"`, "--uuid", "u-1")
	d.stop()
	var got strings.Builder
	for _, line := range d.log.all("stream=stdout") {
		_, rest, _ := strings.Cut(line, " msg=")
		message, _, _ := strings.Cut(rest, " part=worker")
		got.WriteString(strings.Trim(message, `"`) + "\n")
	}
	if diff := cmp.Diff(printed[0], got.String()); diff != "" {
		t.Errorf("the example prints otherwise than %s says (-said +is):\n%s", document, diff)
	}
}

func TestExampleOfATaskThatPublishesDoesWhatTheDocumentSays(t *testing.T) {
	t.Parallel()
	for _, lib := range libraries(t) {
		t.Run(lib.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "chaining.py"), []byte(fenced(t, "docs/worker-classes.md", "python")[1]), 0o600); err != nil {
				t.Fatal(err)
			}
			d := start(t, config(t, fmt.Sprintf("%s\nenv = { PYTHONPATH = %q }", lib.worker, dir), "max_workers = 1"))
			path := filepath.Join(dir, "written")
			d.task("chaining.chain", "--arg", quoted(path))
			if lines := waitFile(t, path, 1); lines[0] != "0 knows its uuid: True" {
				t.Errorf("the published task wrote %q", lines)
			}
		})
	}
}
