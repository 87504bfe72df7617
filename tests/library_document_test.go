package tests

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dispatcherd/tests/postgres"
)

// codeBlocks are the code blocks of a document in one language, in order.
func codeBlocks(t *testing.T, document, language string) (blocks []string) {
	t.Helper()
	fence := regexp.MustCompile("(?ms)^```" + language + "\n(.*?)^```$")
	for _, m := range fence.FindAllStringSubmatch(readDocument(t, document), -1) {
		blocks = append(blocks, m[1])
	}
	if len(blocks) == 0 {
		t.Fatalf("%s has no example in %s", document, language)
	}
	return blocks
}

// The examples are one project, told in order: its settings, its tasks, and a program.
func TestExamplesOfThePythonDocument(t *testing.T) {
	t.Parallel()
	db := postgres.Shared(t).NewDatabase(t)
	db.Exec(t, "CREATE TABLE orders (id int)")
	srv := t.TempDir()
	here := strings.NewReplacer("dbname=shop", db.ConnInfo(), "/srv/shop", srv, "/run/dispatcherd/dispatcherd.sock", "d.sock",
		"/etc/dispatcherd/dispatcherd.toml", "dispatcherd.toml")
	var program strings.Builder
	for _, block := range codeBlocks(t, "docs/python.md", "python") {
		if name, found := strings.CutPrefix(block, "# shop/tasks.py\n"); found {
			if err := os.MkdirAll(filepath.Join(srv, "shop"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(srv, "shop", "tasks.py"), []byte(name), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		program.WriteString(here.Replace(block))
	}
	d := start(t, here.Replace(codeBlocks(t, "docs/python.md", "toml")[0]))
	d.waitLog(lineListening)

	cmd := exec.CommandContext(t.Context(), virtual(t), "-B", "-c", program.String())
	cmd.Dir = d.dir
	cmd.Env = withOurLibrary(t, srv)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, program.String())
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(d.log)
		}
	})
	for task, times := range map[string]int{"shop.tasks.report": 4, "shop.tasks.Import": 1, "shop.tasks.clean_up": 2} {
		ended := regexp.MustCompile(`msg="task ended".* task=` + regexp.QuoteMeta(task) + ` .*outcome=succeeded`)
		waitFor(t, fmt.Sprintf("%d ends of %s", times, task), func() bool { return len(ended.FindAllString(d.log.String(), -1)) == times })
	}
	if rows := db.Exec(t, "SELECT id FROM orders"); rows != "7" {
		t.Errorf("the orders are %q, want the one of the transaction", rows)
	}
}
