package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tool finds a program that a check needs. Where it need not be, the check is skipped.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	switch {
	case err == nil:
		return path
	case os.Getenv("DISPATCHERD_TEST_REQUIRE") == "1":
		t.Fatalf("%s is not here", name)
	default:
		t.Skipf("%s is not here", name)
	}
	return ""
}

func TestManualPagesAreThoseOfTheProgramsAndTheDocument(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := exec.Command(tool(t, "python3"), "../docs/man/generate.py",
		filepath.Join(programs, "dispatcherctl"), "../docs/configuration.md", dir).CombinedOutput()
	if err != nil {
		t.Fatalf("generate.py: %v\n%s", err, out)
	}
	for _, page := range []string{"dispatcherctl.1", "dispatcherd.toml.5"} {
		made, err := os.ReadFile(filepath.Join(dir, page))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(made), readDocument(t, "docs/man/"+page)); diff != "" {
			t.Errorf("docs/man/%s is out of date: make manual writes it (-made +there):\n%s", page, diff)
		}
	}
}

func TestManualPageOfTheDaemonHasItsOptionsAndTheSupervisors(t *testing.T) {
	t.Parallel()
	page := strings.ReplaceAll(readDocument(t, "docs/man/dispatcherd.8"), `\-`, "-")
	daemon := filepath.Join(programs, "dispatcherd")
	help := runCommand(t, ".", daemon, "--help") + runCommand(t, ".", daemon, "supervisor", "--help")
	found := 0
	for line := range strings.Lines(help) {
		_, after, ok := strings.Cut(line, "--")
		if name, _, _ := strings.Cut(after, " "); ok && strings.HasPrefix(strings.TrimSpace(line), "-") {
			found++
			if !strings.Contains(page, "--"+name) {
				t.Errorf("docs/man/dispatcherd.8 lacks --%s", name)
			}
		}
	}
	if found < 10 {
		t.Errorf("%d options were found in:\n%s", found, help)
	}
}

func TestSpecOfThePackagesHasNoErrors(t *testing.T) {
	t.Parallel()
	out, err := exec.Command(tool(t, "rpmlint"), "-c", "../packaging/rpm/rpmlint.toml", "../packaging/rpm/dispatcherd.spec").CombinedOutput()
	if err != nil || !strings.Contains(string(out), " 0 errors") {
		t.Errorf("rpmlint: %v\n%s", err, out)
	}
}

// Every file of packaging/systemd is installed by the spec.
func TestSpecInstallsEveryFile(t *testing.T) {
	t.Parallel()
	spec := readDocument(t, "packaging/rpm/dispatcherd.spec")
	entries, err := os.ReadDir("../packaging/systemd")
	if err != nil || len(entries) == 0 {
		t.Fatalf("packaging/systemd: %v, %v", entries, err)
	}
	for _, e := range entries {
		path := "packaging/systemd/" + e.Name()
		if !strings.Contains(spec, path) && !strings.Contains(spec, "packaging/systemd/*"+filepath.Ext(path)) {
			t.Errorf("the spec does not install %s", path)
		}
	}
}
