package cgroups

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A fake tree lacks the files that the kernel makes with each group, so the
// leaf is laid out beforehand.
func fakeTree(t *testing.T, group, name string) (proc, home string) {
	t.Helper()
	mount := t.TempDir()
	home = filepath.Join(mount, group)
	put(t, filepath.Join(home, "cgroup.procs"), "")
	put(t, filepath.Join(home, name, ownLeaf, "cgroup.procs"), "")
	return fakeProc(t, 42, group, mount), home
}

func TestOpenMovesTheProcessIntoALeaf(t *testing.T) {
	t.Parallel()
	proc, home := fakeTree(t, "/d.service", "dispatcherd-7")
	tree, err := open(proc, "dispatcherd-7", 42)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.lock.Close()
	if want := filepath.Join(home, "dispatcherd-7"); tree.Path() != want {
		t.Errorf("Path() = %q, want %q", tree.Path(), want)
	}
	if got := content(t, filepath.Join(tree.Path(), ownLeaf, "cgroup.procs")); got != "42" {
		t.Errorf("the leaf's cgroup.procs got %q, want 42", got)
	}
}

func TestProcessThatWasStartedInTheLeafHasTheTreeAboveIt(t *testing.T) {
	t.Parallel()
	_, home := fakeTree(t, "/w.service", "")
	put(t, filepath.Join(home, "cgroup.events"), "")
	tree, err := open(fakeProc(t, 42, "/w.service/"+ownLeaf, filepath.Dir(home)), "", 42)
	if err != nil {
		t.Fatal(err)
	}
	defer tree.lock.Close()
	if tree.Path() != home || !tree.delegated() {
		t.Errorf("Path() = %q, delegated %t; want %q, as it was delegated", tree.Path(), tree.delegated(), home)
	}
}

func TestTreeHasOneOwner(t *testing.T) {
	t.Parallel()
	proc, _ := fakeTree(t, "/d", "x")
	tree, err := open(proc, "x", 42)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(proc, "x", 42); err == nil || !strings.Contains(err.Error(), "another supervisor holds it") {
		t.Errorf("open of a tree that is held: %v, want who holds it", err)
	}
	tree.lock.Close()
	again, err := open(proc, "x", 42)
	if err != nil {
		t.Fatalf("open after its owner ended: %v", err)
	}
	again.lock.Close()
}

func TestOpenSaysWhichFileRefusedWhat(t *testing.T) {
	t.Parallel()
	proc, home := fakeTree(t, "/d", "x")
	procs := filepath.Join(home, "x", ownLeaf, "cgroup.procs")
	if err := os.Remove(procs); err != nil {
		t.Fatal(err)
	}
	_, err := open(proc, "x", 42)
	if err == nil || !strings.Contains(err.Error(), procs) || !strings.Contains(err.Error(), `"42"`) {
		t.Errorf("open = %v, want an error that names %s and the pid", err, procs)
	}
	if _, err := os.Stat(filepath.Join(home, "x")); !os.IsNotExist(err) {
		t.Errorf("what open had made is still there: %v", err)
	}
}

func TestOddNamesAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a/b", "..", ".", ".hidden", "cgroup.x", "a\nb", "a\x00"} {
		if _, err := open("/nowhere", name, 42); err == nil || !strings.Contains(err.Error(), "plain name") {
			t.Errorf("open(%q) = %v, want it refused", name, err)
		}
	}
	tree := &Tree{dir: t.TempDir()}
	for _, name := range []string{"", ownLeaf, "a/b"} {
		if _, err := tree.Create(name); err == nil {
			t.Errorf("Create(%q) succeeded", name)
		}
	}
}

func TestGroupIsCreatedOnce(t *testing.T) {
	t.Parallel()
	tree := &Tree{dir: t.TempDir()}
	if _, err := tree.Create("worker-1"); err != nil {
		t.Fatal(err)
	}
	if _, err := tree.Create("worker-1"); err == nil || !strings.Contains(err.Error(), "worker-1: file exists") {
		t.Errorf("second Create = %v, want that it exists", err)
	}
}

func TestSharedGroupIsNotTakenAsDelegated(t *testing.T) {
	t.Parallel()
	mount := t.TempDir()
	proc := fakeProc(t, 42, "/d", mount)
	put(t, filepath.Join(mount, "d", "cgroup.procs"), "42\n77\n")
	if _, err := open(proc, "", 42); err == nil || !strings.Contains(err.Error(), "root of all groups") {
		t.Errorf("open of the root group = %v, want it refused", err)
	}
	put(t, filepath.Join(mount, "d", "cgroup.events"), "populated 1\n")
	if _, err := open(proc, "", 42); err == nil || !strings.Contains(err.Error(), "process 77 is in it too") {
		t.Errorf("open of a shared group = %v, want the other process named", err)
	}
}
