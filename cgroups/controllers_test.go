package cgroups

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// delegatedTree is a cgroup that process 42 is alone in.
func delegatedTree(t *testing.T, controllers string) (proc, dir string) {
	t.Helper()
	proc, dir = fakeTree(t, "/d.service", "")
	put(t, filepath.Join(dir, "cgroup.events"), "populated 1\n")
	put(t, filepath.Join(dir, "cgroup.controllers"), controllers)
	put(t, filepath.Join(dir, subtreeControl), "")
	return proc, dir
}

func TestControllersAreHandedDownOneByOne(t *testing.T) {
	t.Parallel()
	proc, dir := delegatedTree(t, "cpuset cpu io memory pids\n")
	tree, err := open(proc, "", 42)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.lock.Close()
	if missing := tree.Missing(); len(missing) > 0 {
		t.Errorf("Missing = %q, want nothing", missing)
	}
	// A fake file keeps the tail of what was written before; the last one is io.
	if got := content(t, filepath.Join(dir, subtreeControl)); !strings.HasPrefix(got, "+io") {
		t.Errorf("%s got %q, want io last", subtreeControl, got)
	}
}

func TestControllersThatAreNotGivenOrRefusedAreNamed(t *testing.T) {
	t.Parallel()
	proc, dir := delegatedTree(t, "cpu pids\n")
	tree, err := open(proc, "", 42)
	if err != nil {
		t.Fatal(err)
	}
	tree.lock.Close()
	want := []string{"controllers that are not given to " + dir + ": memory, io"}
	if got := tree.Missing(); !slices.Equal(got, want) {
		t.Errorf("Missing = %q, want %q", got, want)
	}

	file := filepath.Join(dir, subtreeControl)
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(file, 0o700); err != nil { // nobody can write to a directory
		t.Fatal(err)
	}
	if tree, err = open(proc, "", 42); err != nil {
		t.Fatal(err)
	}
	tree.lock.Close()
	if got := tree.Missing(); len(got) != 3 || got[0] != `controller cpu cannot be used: open `+file+` to write "+cpu": is a directory` {
		t.Errorf("Missing = %q, want that cpu was refused", got)
	}
}

func TestTreeWithoutControllersStillOpens(t *testing.T) {
	t.Parallel()
	proc, _ := fakeTree(t, "/d", "x")
	tree, err := open(proc, "x", 42)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.lock.Close()
	if got := tree.Missing(); len(got) != 1 || !strings.HasPrefix(got[0], "no controller can be used: ") {
		t.Errorf("Missing = %q", got)
	}
	if got := tree.Lesser(); len(got) != 1 || !strings.Contains(got[0], "cgroup.kill") {
		t.Errorf("Lesser = %q, want the fake's lack of cgroup.kill", got)
	}
}

func TestControllersAreTakenBackAtTheEnd(t *testing.T) {
	t.Parallel()
	proc, dir := delegatedTree(t, "memory\n")
	tree, err := open(proc, "", 42)
	if err != nil {
		t.Fatal(err)
	}
	// As the kernel would show it.
	if err := os.WriteFile(filepath.Join(dir, subtreeControl), []byte("memory\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := tree.disable(); err != nil {
		t.Fatal(err)
	}
	tree.lock.Close()
	if got := content(t, filepath.Join(dir, subtreeControl)); got != "-memory" {
		t.Errorf("%s got %q, want -memory", subtreeControl, got)
	}
}

func TestWhatTheUnitMayUseIsTheLeastOnTheWayUp(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	proc := fakeProc(t, 42, "/a/b", mount)
	put(t, filepath.Join(proc, "meminfo"), "MemTotal:        2048 kB\nMemFree: 1 kB\n")
	put(t, filepath.Join(proc, "sys/kernel/threads-max"), "5000\n")
	put(t, filepath.Join(mount, "a/b/memory.max"), "max\n")
	put(t, filepath.Join(mount, "a/memory.max"), "1048576\n")
	put(t, filepath.Join(mount, "a/b/pids.max"), "77\n")
	put(t, filepath.Join(mount, "a/pids.max"), "what\n")
	if got := available(proc, 42); got.Memory != 1<<20 || got.Tasks != 77 || got.CPUs < 1 {
		t.Errorf("available = %+v, want 1 MiB and 77 tasks", got)
	}
	put(t, filepath.Join(mount, "a/memory.max"), "max\n    ")
	if got := available(proc, 42); got.Memory != 2<<20 {
		t.Errorf("available = %+v, want the machine's 2 MiB", got)
	}
	if got := available(t.TempDir(), 42); got.Memory != 0 || got.Tasks != 0 {
		t.Errorf("available without a procfs = %+v, want nothing to be known", got)
	}
}
