package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
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

// cage holds the processes of one worker (or the fork server) together, so that
// they end together.
type cage interface {
	// path is the cgroup's directory, or "".
	path() string
	// add puts the process in, before it has started another one.
	add(pid int) error
	// kill ends every process in it. It is no error if there is none.
	kill() error
	// dying is called when the first process is a zombie.
	dying(pid int)
	// bury ends what is left after the first process was reaped, adds to exit what the
	// cage knows of it, and removes the cage.
	bury(ctx context.Context, exit *Exit) error
}

// isolation makes the cages: cgroups where we can, otherwise sessions.
type isolation struct {
	tree   *cgroups.Tree // nil: sessions
	reaper *reaper
}

func (i *isolation) String() string {
	if i.tree != nil {
		return isolationCgroup
	}
	return isolationGroup
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
	if err != nil {
		return nil, err
	}
	return &cgroupCage{group}, nil
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
func (i *isolation) killOrphans(orphans []process, log *slog.Logger) {
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
			log.Warn("a worker of an earlier supervisor could not be killed", "pid", o.PID, "err", err)
			continue
		}
		log.Info("killed a worker of an earlier supervisor", "pid", o.PID, "others", killed)
	}
}

// cgroupCage is a leaf of the tree.
type cgroupCage struct {
	group *cgroups.Group
}

func (c *cgroupCage) path() string { return c.group.Path() }

func (c *cgroupCage) add(pid int) error { return c.group.Add(pid) }

func (c *cgroupCage) kill() error { return c.group.Kill() }

func (c *cgroupCage) dying(int) {}

func (c *cgroupCage) bury(ctx context.Context, exit *Exit) error {
	left, err := c.group.PIDs()
	exit.Survivors = len(left)
	err = errors.Join(err, c.group.Kill(), c.group.WaitEmpty(ctx))
	stats, statsErr := c.group.Stats()
	exit.OOM = stats.OOMKills > 0
	return errors.Join(err, statsErr, c.group.Remove(ctx))
}

// sessionRounds bounds how often the session is searched for processes that
// were forked while it was searched.
const sessionRounds = 16

// sessionCage is a session whose leader is the worker. A process that makes a
// session of its own gets away; that is what cgroups are for.
type sessionCage struct {
	reaper *reaper
	leader int
	left   []int // pidfds of the processes that outlived the leader
	failed error
}

func (c *sessionCage) path() string { return "" }

func (c *sessionCage) add(pid int) error {
	c.leader = pid
	return nil
}

// kill ends the leader's process group. When the leader ends, dying ends the
// other groups of its session.
func (c *sessionCage) kill() error {
	err := c.reaper.signal(-c.leader, unix.SIGKILL)
	if errors.Is(err, errEnded) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// dying kills the rest of the session. The number of the session cannot be
// another's: its leader is not reaped yet.
func (c *sessionCage) dying(leader int) {
	seen := map[int]bool{leader: true}
	for range sessionRounds {
		members, err := sessionMembers(leader)
		if err != nil {
			c.failed = err
			return
		}
		found := false
		for _, pid := range members {
			if !seen[pid] {
				seen[pid], found = true, true
				c.killMember(pid, leader)
			}
		}
		if !found {
			return
		}
	}
}

// killMember sends the signal to the process that was looked at, not to a later
// one of its number, where the kernel has pidfds (5.3).
func (c *sessionCage) killMember(pid, session int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ENOSYS) {
		c.failed = unix.Kill(pid, unix.SIGKILL)
		return
	}
	if err != nil {
		return // it has ended
	}
	stat, err := readStat(pid)
	if err == nil && stat.session == session {
		err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
	if err == nil && stat.session == session {
		c.left = append(c.left, fd)
		return
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
		c.failed = err
	}
	unix.Close(fd)
}

func (c *sessionCage) bury(ctx context.Context, exit *Exit) error {
	defer c.close()
	exit.Survivors = len(c.left)
	for _, fd := range c.left {
		if err := waitPidfd(ctx, fd); err != nil {
			return fmt.Errorf("wait for the rest of session %d: %w", c.leader, err)
		}
	}
	return c.failed
}

func (c *sessionCage) close() {
	for _, fd := range c.left {
		unix.Close(fd)
	}
	c.left = nil
}

// waitPidfd waits until the process has ended: its pidfd becomes readable.
func waitPidfd(ctx context.Context, fd int) error {
	for {
		left := time.Hour
		if deadline, ok := ctx.Deadline(); ok {
			left = time.Until(deadline)
		}
		if left <= 0 || ctx.Err() != nil {
			return context.DeadlineExceeded
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds())+1)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
