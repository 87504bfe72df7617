package cgroups

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// removeRounds bounds how often Remove starts over because a group was added
// while it went through the tree.
const removeRounds = 8

// Group is one leaf, with whatever groups its processes make below it.
type Group struct {
	dir string
	// files are the kernel's files for limits that it has; nil where that is not known.
	files map[string]bool
}

// Stats is what the kernel counted in a group.
type Stats struct {
	// OOMKills is how many processes the out-of-memory killer ended; 0 where
	// the memory controller is not handed down to us.
	OOMKills int64
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

// Stats returns what was counted so far.
func (g *Group) Stats() (Stats, error) {
	text, err := read(g.dir, "memory.events")
	if gone(err) {
		return Stats{}, nil
	}
	if err != nil {
		return Stats{}, err
	}
	kills, _ := value(text, "oom_kill")
	return Stats{OOMKills: kills}, nil
}

// Memory returns the bytes that the group and those below it take now; ok is false
// where the memory controller is not handed down to us, or the group is gone.
func (g *Group) Memory() (bytes int64, ok bool, err error) {
	text, err := read(g.dir, "memory.current")
	if gone(err) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	bytes, err = strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, false, fmt.Errorf("read %s/memory.current: %q is not a number", g.dir, text)
	}
	return bytes, true, nil
}

// Remove removes the group and the groups below it. They must be empty: see
// Kill and WaitEmpty. One that is gone already is no error.
func (g *Group) Remove(ctx context.Context) error {
	var err error
	for round := 0; round < removeRounds && ctx.Err() == nil; round++ {
		if err = g.removeOnce(); err == nil {
			return nil
		}
	}
	return errors.Join(err, ctx.Err())
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
