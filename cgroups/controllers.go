package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// controllers are those that limits and accounts need, in the order in which they are
// named. Accounts of CPU time, kill and freeze need none.
var controllers = []string{"cpu", "memory", "pids", "io"}

const subtreeControl = "cgroup.subtree_control"

// enable hands the controllers down to the groups of the tree, each by itself: one that is
// refused takes no other along. No process may be in the tree's own directory by then.
func (t *Tree) enable() {
	given, err := t.listed("cgroup.controllers")
	if err != nil {
		t.missing = append(t.missing, fmt.Sprintf("no controller can be used: %v", err))
		return
	}
	var absent []string
	for _, c := range controllers {
		if !slices.Contains(given, c) {
			absent = append(absent, c)
		} else if err := write(t.dir, subtreeControl, "+"+c); err != nil {
			t.missing = append(t.missing, fmt.Sprintf("controller %s cannot be used: %v", c, err))
		}
	}
	if len(absent) > 0 {
		t.missing = append(t.missing, fmt.Sprintf("controllers that are not given to %s: %s%s", t.dir, strings.Join(absent, ", "), t.remedy()))
	}
}

// remedy is what to do about a controller that is not given: a group in which there are
// processes, here those of the daemon, has none to hand down.
func (t *Tree) remedy() string {
	if t.delegated() {
		return ""
	}
	return " (the daemon is in the group above; they need a supervisor that is a service of its own)"
}

// disable takes the controllers back: a group that hands some down can have no process.
func (t *Tree) disable() (err error) {
	enabled, err := t.listed(subtreeControl)
	for _, c := range enabled {
		err = errors.Join(err, write(t.dir, subtreeControl, "-"+c))
	}
	return err
}

func (t *Tree) listed(name string) ([]string, error) {
	text, err := read(t.dir, name)
	if gone(err) && name == subtreeControl {
		return nil, nil // the directory of a test, or a tree that was removed
	}
	return strings.Fields(text), err
}

// Missing names, a sentence each, what the groups of the tree lack; the list is empty when
// everything can be limited.
func (t *Tree) Missing() []string { return slices.Clone(t.missing) }

// kernelFiles are files that older kernels do not have, and what is done without them.
var kernelFiles = []struct{ name, needs, without string }{
	{"cgroup.kill", "", "the kernel has no cgroup.kill (Linux 5.14): processes are frozen and killed one by one"},
	{"memory.peak", "memory.max", "the kernel has no memory.peak (Linux 5.19): peaks of memory are sampled"},
}

// Lesser names, a sentence each, what the kernel is too old for, and what is done instead.
func (t *Tree) Lesser() (lesser []string) {
	leaf := filepath.Join(t.dir, ownLeaf)
	absent := func(name string) bool {
		_, err := os.Lstat(filepath.Join(leaf, name))
		return errors.Is(err, fs.ErrNotExist)
	}
	for _, f := range kernelFiles {
		if absent(f.name) && (f.needs == "" || !absent(f.needs)) {
			lesser = append(lesser, f.without)
		}
	}
	return lesser
}
