// Package cgroups groups each worker's processes in a cgroup v2 leaf of its
// own, so that they can be counted, killed and removed as one.
package cgroups

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ownLeaf is where the process that opened the tree is: cgroup v2 allows no
// processes in a group that hands controllers down (cgroups(7), "no internal
// processes").
const ownLeaf = "supervisor"

// For how long, and how often, a tree that is locked is tried again.
const (
	lockPatience = 500 * time.Millisecond
	lockPause    = 5 * time.Millisecond
)

// Tree is the cgroup below which one supervisor's groups are. An flock(2) on its
// directory says who owns it, and ends with its owner.
type Tree struct {
	proc string // where procfs is
	pid  int    // the process that was moved into ownLeaf
	home string // the group that it came from
	dir  string // the tree itself; equal to home when it was delegated to us
	lock *os.File

	missing []string // see Missing

	look  sync.Once
	files map[string]bool // see Group
}

// Open makes the cgroup name below the one that the calling process is in, and
// moves the process into a leaf of it. An empty name takes the process's own
// cgroup, as systemd delegates it to a service, whether the process was started in it
// or in its leaf (DelegateSubgroup=, systemd.resource-control(5)). A tree of that name that an
// ended process left behind is taken over with what is in it: see Sweep.
func Open(name string) (*Tree, error) {
	return open("/proc", name, os.Getpid())
}

func open(proc, name string, pid int) (*Tree, error) {
	if name != "" && !plainName(name) {
		return nil, fmt.Errorf("open cgroup tree: %q is not a plain name", name)
	}
	home, err := locate(proc, pid)
	if err != nil {
		return nil, err
	}
	if name == "" && filepath.Base(home) == ownLeaf {
		home = filepath.Dir(home)
	}
	t := &Tree{proc: proc, pid: pid, home: home, dir: filepath.Join(home, name)}
	if t.delegated() {
		err = t.checkAlone()
	} else {
		err = makeDir(t.dir)
	}
	if err != nil {
		return nil, err
	}
	if err := t.take(); err != nil {
		return nil, errors.Join(err, t.unmake())
	}
	return t, nil
}

// plainName refuses what would lead elsewhere, and the kernel's own prefix.
func plainName(name string) bool {
	return !strings.ContainsAny(name, "/\x00\n") && name[0] != '.' && !strings.HasPrefix(name, "cgroup.")
}

func (t *Tree) delegated() bool { return t.dir == t.home }

// checkAlone refuses a cgroup that others use as well: what a sweep finds in a
// delegated one is ended.
func (t *Tree) checkAlone() error {
	if _, err := os.Stat(filepath.Join(t.dir, "cgroup.events")); err != nil {
		return fmt.Errorf("open cgroup tree %s: it is the root of all groups, not one that was delegated", t.dir)
	}
	pids, err := readPIDs(t.dir)
	if err != nil {
		return err
	}
	if i := slices.IndexFunc(pids, func(pid int) bool { return pid != t.pid }); i >= 0 {
		return fmt.Errorf("open cgroup tree %s: it was not delegated to this process alone, process %d is in it too", t.dir, pids[i])
	}
	return nil
}

// take locks the tree, moves the process into its leaf and hands the controllers down.
func (t *Tree) take() error {
	lock, err := lockDir(t.dir, lockPatience)
	if err != nil {
		return err
	}
	t.lock = lock
	if err := makeDir(filepath.Join(t.dir, ownLeaf)); err != nil {
		return err
	}
	if err := writePID(filepath.Join(t.dir, ownLeaf), t.pid); err != nil {
		return err
	}
	t.enable()
	return nil
}

// unmake removes what open has made, and leaves what is in use.
func (t *Tree) unmake() error {
	if t.lock == nil {
		return nil // another one's tree, or it could not even be opened
	}
	defer t.lock.Close()
	err := removeDir(filepath.Join(t.dir, ownLeaf))
	if !t.delegated() {
		err = errors.Join(err, removeDir(t.dir))
	}
	return err
}

// Path returns the tree's directory.
func (t *Tree) Path() string { return t.dir }

// Count returns how many groups there are in the tree, on every level; what cannot be
// listed counts for nothing.
func (t *Tree) Count() int {
	count := -1 // for the tree itself
	_ = (&Group{dir: t.dir}).walk(func(string) error { count++; return nil })
	return max(0, count)
}

// Create makes a leaf. It is an error if it exists.
func (t *Tree) Create(name string) (*Group, error) {
	if name == "" || name == ownLeaf || !plainName(name) {
		return nil, fmt.Errorf("make cgroup in %s: %q cannot be its name", t.dir, name)
	}
	dir := filepath.Join(t.dir, name)
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make cgroup %s: %w", dir, cause(err))
	}
	// All groups of the tree have the same: to look for a file that is not there costs more
	// than to write one.
	t.look.Do(func() { t.files = limitFilesIn(dir) })
	return &Group{dir: dir, files: t.files}, nil
}

// Close moves the process back to where it came from and removes the tree.
// Groups that were not removed before keep it there, which is an error. Until
// ctx ends it waits for others that were in the process's leaf and are ending: an
// earlier owner that was killed is counted there for a moment after it was
// waited for, since its last thread leaves the group only with its last switch.
func (t *Tree) Close(ctx context.Context) error {
	err := t.disable()
	if err = errors.Join(err, writePID(t.home, t.pid)); err != nil {
		t.lock.Close()
		return err
	}
	leaf := &Group{dir: filepath.Join(t.dir, ownLeaf)}
	return errors.Join(leaf.WaitEmpty(ctx), t.unmake())
}

// lockDir returns the open directory, locked for as long as it is open. It tries
// again for as long as patience allows: an ended owner's lock lives on for the
// moment that a child of it needs between fork and exec.
func lockDir(dir string, patience time.Duration) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("open cgroup tree %s: %w", dir, cause(err))
	}
	deadline := time.Now().Add(patience)
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || !time.Now().Before(deadline) {
			break
		}
		time.Sleep(lockPause)
	}
	switch {
	case errors.Is(err, unix.EWOULDBLOCK):
		err = fmt.Errorf("open cgroup tree %s: another supervisor holds it", dir)
	case err != nil:
		err = fmt.Errorf("lock cgroup tree %s: %w", dir, err)
	default:
		return f, nil
	}
	f.Close()
	return nil, err
}

func makeDir(dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make cgroup %s: %w", dir, cause(err))
	}
	return nil
}

func removeDir(dir string) error {
	// Not os.Remove: it tries to unlink first, and a cgroup is only ever rmdir'd.
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove cgroup %s: %w", dir, err)
	}
	return nil
}
