package cgroups

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// removeRounds bounds how often Remove starts over: because a group was added while it
// went through the tree, or because the kernel still holds one whose last process has
// just ended (EBUSY). It waits before, longer each time: 127 ms in all.
const (
	removeRounds = 8
	removePause  = time.Millisecond
)

// Group is one leaf, with whatever groups its processes make below it.
type Group struct {
	dir string
	// files are the kernel's files for limits that it has; nil where that is not known.
	files map[string]bool
}

// Path returns the group's directory.
func (g *Group) Path() string { return g.dir }

// Add moves a process, with all its threads, into the group. It may take some
// 15 ms (the kernel waits for a grace period), and next to nothing for others
// that come right behind: call it for several at once.
func (g *Group) Add(pid int) error { return writePID(g.dir, pid) }

// Populated says whether a process lives in the group or below.
func (g *Group) Populated() (bool, error) {
	text, err := read(g.dir, "cgroup.events")
	if gone(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return populated(g.dir, text)
}

func populated(dir, text string) (bool, error) {
	n, ok := value(text, "populated")
	if !ok {
		return false, fmt.Errorf("read %s/cgroup.events: no populated line in %q", dir, text)
	}
	return n != 0, nil
}

// PIDs returns the processes in the group and in the groups below it. Zombies
// are not among them.
func (g *Group) PIDs() ([]int, error) {
	var pids []int
	err := g.walk(func(dir string) error {
		found, err := readPIDs(dir)
		if gone(err) || errors.Is(err, unix.EOPNOTSUPP) {
			return nil // EOPNOTSUPP: a threaded group, whose processes are listed above it
		}
		pids = append(pids, found...)
		return err
	})
	return pids, err
}

// OpenPIDs opens the list of the processes directly in the group, for another process to read.
func (g *Group) OpenPIDs() (*os.File, error) {
	path := filepath.Join(g.dir, "cgroup.procs")
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, cause(err))
	}
	return f, nil
}

// Remove removes the group and the groups below it. They must be empty: see
// Kill and WaitEmpty. One that is gone already is no error.
func (g *Group) Remove(ctx context.Context) error {
	var err error
	for round := range removeRounds {
		if err = g.removeOnce(); err == nil {
			return nil
		}
		if round == removeRounds-1 || !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.ENOTEMPTY) {
			break
		}
		timer := time.NewTimer(removePause << round)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(err, ctx.Err())
		}
	}
	return err
}

func (g *Group) removeOnce() error {
	var dirs []string
	if err := g.walk(func(dir string) error { dirs = append(dirs, dir); return nil }); err != nil {
		return err
	}
	for i := len(dirs) - 1; i >= 0; i-- { // children before their parents
		if err := removeDir(dirs[i]); err != nil {
			return err
		}
	}
	return nil
}

// walk calls visit for the group and every group below, parents first.
func (g *Group) walk(visit func(dir string) error) error {
	return filepath.WalkDir(g.dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case gone(err):
			return nil
		case err != nil:
			return fmt.Errorf("list %s: %w", path, cause(err))
		case !entry.IsDir():
			return nil
		}
		return visit(path)
	})
}
