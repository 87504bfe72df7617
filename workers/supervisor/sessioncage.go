package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"dispatcherd/cgroups"

	"golang.org/x/sys/unix"
)

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
	data   dataLimit
}

func (c *sessionCage) path() string { return "" }

func (c *sessionCage) add(pid int) error {
	c.leader = pid
	return nil
}

// members: who is in a session is not to be had for one read.
func (c *sessionCage) members() (*os.File, error) { return nil, nil }

func (c *sessionCage) others(keep []int) ([]int, error) {
	pids, err := sessionMembers(c.leader)
	return slices.DeleteFunc(pids, func(pid int) bool { return slices.Contains(keep, pid) }), err
}

// killOthers ends the rest of the session. Its leader lives, so the number is its own.
func (c *sessionCage) killOthers(ctx context.Context, keep []int) (int, error) {
	rest := &sessionCage{reaper: c.reaper}
	rest.killMembers(c.leader, keep)
	var exit Exit
	err := rest.bury(ctx, &exit)
	return exit.Survivors, err
}

// account: nobody counts for a session. What its processes say of themselves must do.
func (c *sessionCage) account() (cgroups.Account, error) { return cgroups.Account{}, nil }

func (c *sessionCage) glance() (cgroups.Account, []int) { return cgroups.Account{}, nil }

func (c *sessionCage) accounted() {}

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
func (c *sessionCage) dying(leader int) { c.killMembers(leader, []int{leader}) }

func (c *sessionCage) killMembers(leader int, keep []int) {
	seen := map[int]bool{}
	for _, pid := range keep {
		seen[pid] = true
	}
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
		if err := cgroups.WaitPidfd(ctx, fd); err != nil {
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
