package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"dispatcherd/cgroups"

	"golang.org/x/sys/unix"
)

const (
	isolationCgroup = "cgroup"
	isolationGroup  = "process group"
)

// sweepTime bounds how long the leftovers of an earlier supervisor may take to end.
const sweepTime = 10 * time.Second

// isolation makes the cages: cgroups where we can, otherwise sessions.
type isolation struct {
	tree   *cgroups.Tree // nil: sessions
	reaper *reaper
	shortfall
	log *slog.Logger

	remains  remains
	readOnly sync.Once // that it is was told
}

func (i *isolation) String() string {
	if i.tree != nil {
		return isolationCgroup
	}
	return isolationGroup
}

// count is how many cgroups there are in the tree; 0 without one.
func (i *isolation) count() int {
	if i.tree == nil {
		return 0
	}
	return i.tree.Count()
}

func (i *isolation) path() string {
	if i.tree != nil {
		return i.tree.Path()
	}
	return ""
}

// cage makes an empty one. The name is that of its cgroup.
func (i *isolation) cage(name string) (cage, error) {
	if i.tree == nil {
		return &sessionCage{reaper: i.reaper}, nil
	}
	group, err := i.tree.Create(name)
	for n := 2; errors.Is(err, fs.ErrExist) && n < 100; n++ {
		// One that could not be removed: a process in it cannot be killed (yet).
		group, err = i.tree.Create(fmt.Sprintf("%s.%d", name, n))
	}
	if errors.Is(err, unix.EROFS) {
		i.readOnly.Do(func() {
			i.log.Warn("the cgroup file system has become read-only: new workers are held by process groups", "err", err)
		})
		return &sessionCage{reaper: i.reaper}, nil
	}
	if err != nil {
		return nil, err
	}
	return &cgroupCage{group: group, remains: &i.remains}, nil
}

// sweep ends what an earlier supervisor of the same daemon has left in the tree.
func (i *isolation) sweep(ctx context.Context, log *slog.Logger) {
	if i.tree == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, sweepTime)
	defer cancel()
	swept, err := i.tree.Sweep(ctx)
	if err != nil {
		log.Warn("leftovers of an earlier supervisor could not be removed", "err", err)
	}
	if swept.Killed > 0 || len(swept.Removed) > 0 {
		log.Info("removed what an earlier supervisor had left", "killed", swept.Killed, "cgroups", len(swept.Removed))
	}
	for _, dir := range swept.Left {
		log.Warn("processes of another daemon that is gone are still running", "cgroup", dir)
	}
}

// killOrphans ends the sessions of workers that an earlier supervisor started,
// as its daemon remembers them. Without a tree there is no other trace of them.
func (i *isolation) killOrphans(orphans []orphan, log *slog.Logger) {
	for _, o := range orphans {
		stat, err := readStat(o.PID)
		if err != nil || stat.start != o.Start || stat.session != o.PID || i.reaper.has(o.PID) {
			continue // gone, or its number is another's, or it is ours
		}
		// While its leader is there, if only stopped, the session is the one that was meant.
		c := &sessionCage{reaper: i.reaper}
		err = unix.Kill(o.PID, unix.SIGSTOP)
		c.dying(o.PID)
		killed := len(c.left)
		c.close()
		if err = errors.Join(err, c.failed, unix.Kill(o.PID, unix.SIGKILL)); err != nil {
			log.Warn("a worker of an earlier supervisor could not be killed", "worker", o.Worker, "pid", o.PID, "err", err)
			continue
		}
		log.Info("killed a worker of an earlier supervisor", "worker", o.Worker, "pid", o.PID, "children", killed)
	}
}
