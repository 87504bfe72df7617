package supervisor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRuntimeIsInstalledOnceAndFoundAgain(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "runtime")
	first, err := InstallRuntime(dir)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := InstallRuntime(dir); err != nil || again != first || filepath.Dir(first) != dir {
		t.Errorf("installed in %s and then in %s, %v, want twice the same below %s", first, again, err, dir)
	}
	for path, mode := range map[string]os.FileMode{dir: 0o755, first: 0o755, filepath.Join(first, "boot.py"): 0o644} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v, want mode %o", path, info, err, mode)
		}
	}
}

func TestRuntimeIsNotInstalledWhereOthersCanChangeIt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := filepath.Join(dir, "open")
	if err := os.Mkdir(open, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o777); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	cases := map[string]string{open: "others may write to it (mode 0777)", link: "it is not a directory", filepath.Join(dir, "no", "such"): "no such file"}
	if os.Geteuid() == 0 {
		strange := filepath.Join(dir, "strange")
		if err := os.Mkdir(strange, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(strange, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		cases[strange] = "it belongs to another user"
	}
	for path, want := range cases {
		if _, err := InstallRuntime(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("InstallRuntime(%s) = %v, want %q", path, err, want)
		}
	}
}
