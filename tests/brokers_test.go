package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// documented is the code of docs/brokers.md, by the file that it is for.
func documented(t *testing.T) map[string]string {
	t.Helper()
	code := map[string]string{}
	block := regexp.MustCompile("(?s)```go\n// ([a-z_./]+)\n\n(.*?)```")
	for _, m := range block.FindAllStringSubmatch(readDocument(t, "docs/brokers.md"), -1) {
		code[m[1]] = m[2]
	}
	if len(code) != 3 {
		t.Fatalf("docs/brokers.md has code for %d files, want 3", len(code))
	}
	return code
}

// withBroker builds a dispatcherd with the code of docs/brokers.md in it, of
// which nothing is written into the repository.
func withBroker(t *testing.T) (program string) {
	t.Helper()
	code, dir := documented(t), t.TempDir()
	const assemble, end = "daemon/assemble.go", "\treturn d\n}\n"
	whole := readDocument(t, assemble)
	if strings.Count(whole, end) != 1 {
		t.Fatalf("%s has no one place for a broker", assemble)
	}
	code[assemble] = strings.Replace(whole, end, code[assemble]+end, 1)
	replace := map[string]string{}
	for name, text := range code {
		file := filepath.Join(dir, strings.ReplaceAll(name, "/", "-"))
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("gofmt", "-l", file).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("gofmt has something to say of %s: %s%v", name, out, err)
		}
		target, err := filepath.Abs(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		replace[target] = file
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(overlay, []byte(encode(t, map[string]any{"Replace": replace})), 0o600); err != nil {
		t.Fatal(err)
	}
	program = filepath.Join(dir, "dispatcherd")
	out, err := exec.Command("go", "build", "-race", "-overlay", overlay, "-o", program, "../cmd/dispatcherd").CombinedOutput()
	if err != nil {
		t.Fatalf("build with the broker: %v\n%s", err, out)
	}
	return program
}

func TestBrokerOfTheDocumentRuns(t *testing.T) {
	t.Parallel()
	d := prepare(t, config(t, "", ""))
	d.program = withBroker(t)
	d.run()
	d.waitLog("dispatcherd is running")
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})
	pipe := d.file("tasks.pipe")
	waitFor(t, "the pipe", func() bool {
		info, err := os.Stat(pipe)
		return err == nil && info.Mode()&os.ModeNamedPipe != 0
	})
	ran := d.file("ran")
	for range 2 { // each with a writer of its own
		text := `{"task": "app.tasks.mark", "args": ["` + ran + `"]}` + "\n" + `{"control": "alive", "reply_to": "x"}` + "\n"
		if err := os.WriteFile(pipe, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	waitFile(t, ran, 2)
	d.waitLogs("a pipe has no way back", 2)
	producer, _ := d.ask("producers")["pipe-producer"].(map[string]any)
	if producer["produced_count"] != 4.0 {
		t.Errorf("producers shows %v, want 4 lines", producer)
	}
}
