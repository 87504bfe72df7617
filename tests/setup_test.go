package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// need runs tests/setup/need with nothing but the given programs on PATH,
// which are scripts, and some that it works with itself.
func need(t *testing.T, scripts map[string]string, things ...string) (output string, ok bool) {
	t.Helper()
	bin := t.TempDir()
	for name, text := range scripts {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"sed", "cut", "awk", "sort", "tr", "ls", "tail", "id"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, taken := scripts[name]; taken {
			continue
		}
		if err := os.Symlink(path, filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/bin/sh", append([]string{"setup/need"}, things...)...)
	cmd.Env = []string{"PATH=" + bin}
	text, err := cmd.CombinedOutput()
	return string(text), err == nil
}

func TestAnOlderGoIsAnsweredWithOneLine(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"go1.24.9": "dispatcherd needs Go 1.25 or newer, found go1.24.9\n",
		"go1.25.0": "", "go1.26.1": "", "devel go1.99-abc": "",
	} {
		got, ok := need(t, map[string]string{"go": "echo " + version}, "go")
		if got != want || ok != (want == "") {
			t.Errorf("with %s: %q, %v; want %q", version, got, ok, want)
		}
	}
}

func TestWithoutGoTheAnswerIsOneLine(t *testing.T) {
	t.Parallel()
	got, ok := need(t, nil, "go")
	if want := "dispatcherd needs Go 1.25 or newer, and there is no go on PATH\n"; got != want || ok {
		t.Errorf("%q, %v; want %q", got, ok, want)
	}
}

func TestWhatIsMissingIsInstalledAsRootAndElseNamed(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		scripts map[string]string
		want    string
		ok      bool
	}{
		{"apt, root", map[string]string{"id": "echo 0", "apt-get": `echo "$@" >&2`},
			"installing: gcc python3\ninstall -y --no-install-recommends gcc python3\n", true},
		{"dnf, root", map[string]string{"id": "echo 0", "dnf": `echo "$@" >&2`},
			"installing: gcc python3\ninstall -y gcc python3\n", true},
		{"apt, a user", map[string]string{"id": "echo 1000", "apt-get": "echo never"},
			"missing: gcc python3 (install with: apt-get install -y --no-install-recommends gcc python3)\n", false},
		{"neither", map[string]string{"id": "echo 0"},
			"missing: gcc python3 (install with: your package manager gcc python3)\n", false},
	} {
		got, ok := need(t, tt.scripts, "gcc", "python3")
		got = strings.ReplaceAll(got, "update -q\n", "") // of which apt's own output is not shown
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: %q, %v; want %q, %v", tt.name, got, ok, tt.want, tt.ok)
		}
	}
}
