package cgroups

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// siblingPrefix is how trees are named after the daemon that they were made for.
const siblingPrefix = "dispatcherd-"

// Swept is what a sweep has found.
type Swept struct {
	Removed []string // groups and trees that are gone now
	Killed  int      // processes that were in them
	Left    []string // trees of ended daemons in which processes live
}

// Sweep ends what an earlier owner left in the tree. Beside it, trees named
// dispatcherd-PID of processes that are gone are removed if they are empty, and
// otherwise named.
func (t *Tree) Sweep(ctx context.Context) (Swept, error) {
	var swept Swept
	err := t.sweepOwn(ctx, &swept)
	if !t.delegated() {
		err = errors.Join(err, t.sweepSiblings(ctx, &swept))
	}
	return swept, err
}

func (t *Tree) sweepOwn(ctx context.Context, swept *Swept) error {
	names, err := subdirs(t.dir)
	if err != nil {
		return err
	}
	var failed error
	var groups []*Group
	for _, name := range names {
		if name == ownLeaf || !plainName(name) {
			continue // ours, or systemd's own: .control
		}
		g := &Group{dir: filepath.Join(t.dir, name)}
		pids, err := g.PIDs()
		failed = errors.Join(failed, err, g.Kill())
		swept.Killed += len(pids)
		groups = append(groups, g)
	}
	for _, g := range groups { // all are dying by now: wait for them together
		err := g.WaitEmpty(ctx)
		if err == nil {
			err = g.Remove(ctx)
		}
		if err != nil {
			failed = errors.Join(failed, err)
			continue
		}
		swept.Removed = append(swept.Removed, g.dir)
	}
	return failed
}

func (t *Tree) sweepSiblings(ctx context.Context, swept *Swept) error {
	names, err := subdirs(t.home)
	if err != nil {
		return err
	}
	var failed error
	for _, name := range names {
		dir := filepath.Join(t.home, name)
		digits, ok := strings.CutPrefix(name, siblingPrefix)
		pid, err := strconv.Atoi(digits)
		if !ok || err != nil || dir == t.dir || alive(pid) {
			continue
		}
		removed, err := sweepSibling(ctx, &Group{dir: dir})
		switch {
		case err != nil:
			failed = errors.Join(failed, err)
		case removed:
			swept.Removed = append(swept.Removed, dir)
		default:
			swept.Left = append(swept.Left, dir)
		}
	}
	return failed
}

// sweepSibling removes the tree if nobody holds it and nothing lives in it.
func sweepSibling(ctx context.Context, g *Group) (bool, error) {
	lock, err := lockDir(g.dir, 0)
	if err != nil {
		return false, nil // held, or just removed by its owner
	}
	defer lock.Close()
	busy, err := g.Populated()
	if err != nil || busy {
		return false, err
	}
	return true, g.Remove(ctx)
}

// alive also holds for a process that is not ours to signal (EPERM).
func alive(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }

func subdirs(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", dir, cause(err))
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names, nil
}
