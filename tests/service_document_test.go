package tests

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
)

func TestExamplesOfTheServiceFromPythonDoWhatTheDocumentSays(t *testing.T) {
	t.Parallel()
	examples := fenced(t, "docs/python-service.md", "python")
	if len(examples) != 3 {
		t.Fatalf("the document has %d examples, want 3", len(examples))
	}
	d := prepare(t, "")
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		t.Fatal(err)
	}
	d.program = d.file("serve")
	if err := os.WriteFile(d.program, fmt.Appendf(nil, "#!%s\n%s", interpreter, examples[0]), 0o700); err != nil {
		t.Fatal(err)
	}
	d.run(ourLibrary(t)...)
	d.waitLog("dispatcherd is running")
	t.Cleanup(func() {
		d.stop()
		d.leftNothing()
	})

	a := python(t, "python3", t.TempDir(), ourLibrary(t), "-c", examples[1])
	if a.code != 0 || a.stdout != "1 task has run\n" {
		t.Errorf("the example of a test: %+v", a)
	}
	// The virtual environment has PyYAML.
	a = python(t, virtual(t), d.dir, ourLibrary(t), "-c", examples[2], "running", "--uuid", "nobody")
	if a.code != 0 || a.stdout != "[{'node_id': 'test'}]\n" {
		t.Errorf("the example of a control program: %+v", a)
	}
}
