package python

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// sources returns the Python files of this folder that a worker needs, by path.
func sources(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && d.Name() == "tests" {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".py") {
			text, err := os.ReadFile(path)
			found[path] = string(text)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 20 {
		t.Fatalf("only %d Python files are here", len(found))
	}
	return found
}

// tree returns the files below dir, by path, and fails the test if a mode is not as promised.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		want := fs.FileMode(0o644)
		if d.IsDir() {
			want = 0o755
		}
		if info.Mode().Perm() != want {
			t.Errorf("mode of %s is %o, want %o", path, info.Mode().Perm(), want)
		}
		if d.IsDir() {
			return nil
		}
		text, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		found[name] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func install(t *testing.T, dir string) string {
	t.Helper()
	boot, err := Install(dir)
	if err != nil {
		t.Fatal(err)
	}
	return boot
}

func assertWhole(t *testing.T, boot string) {
	t.Helper()
	got, want := tree(t, filepath.Dir(boot)), sources(t)
	for path, text := range want {
		if got[path] != text {
			t.Errorf("%s was not installed as it is in the source", path)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files were installed, want %d", len(got), len(want))
	}
}

func TestInstallWritesEveryFileAndNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	boot := install(t, dir)
	if filepath.Base(boot) != "boot.py" {
		t.Errorf("Install returned %s, want the path of boot.py", boot)
	}
	assertWhole(t, boot)
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%d entries were left in the directory, want 1", len(entries))
	}
}

func TestInstallUsesWhatIsThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	boot := install(t, dir)
	before, err := os.Stat(boot)
	if err != nil {
		t.Fatal(err)
	}
	if again := install(t, dir); again != boot {
		t.Errorf("the second Install returned %s, want %s", again, boot)
	}
	after, err := os.Stat(boot)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) {
		t.Error("a whole installation was written again")
	}
}

func TestInstallRepairsWhatWasDamaged(t *testing.T) {
	t.Parallel()
	damages := map[string]func(root string) error{
		"missing": func(root string) error { return os.Remove(filepath.Join(root, "dispatcherd_worker", "worker.py")) },
		"changed": func(root string) error { return os.WriteFile(filepath.Join(root, "boot.py"), []byte("x"), 0o644) },
		"emptied": func(root string) error { return os.RemoveAll(filepath.Join(root, "dispatcherd")) },
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			boot := install(t, dir)
			if err := damage(filepath.Dir(boot)); err != nil {
				t.Fatal(err)
			}
			if again := install(t, dir); again != boot {
				t.Errorf("Install returned %s, want %s", again, boot)
			}
			assertWhole(t, boot)
		})
	}
}

func TestManyMayInstallAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := Install(dir); err != nil {
				t.Errorf("Install(%s) = %v", dir, err)
			}
		})
	}
	all.Wait()
	assertWhole(t, install(t, dir))
}

func TestInstallNamesTheDirectoryItCannotWriteTo(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "missing")
	if _, err := Install(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Install(%s) = %v, want a not-exist error that names it", dir, err)
	}
}
