package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// killRounds bounds the fallback of Kill. Two are enough for a frozen group.
const killRounds = 32

// Kill sends SIGKILL to every process in the group and below, also to those
// that are being forked. It does not wait for their end, and a group that is
// gone is no error.
func (g *Group) Kill() error {
	if err := write(g.dir, "cgroup.kill", "1"); err == nil { // Linux 5.14
		return nil
	}
	if _, err := os.Stat(g.dir); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return g.killEach()
}

// killEach is Kill for kernels without cgroup.kill, and for a file system that has become
// read-only: frozen processes neither fork nor end, so their pids are theirs until the
// signal has been sent, and a frozen process of cgroup v2 still obeys SIGKILL. Where the
// group cannot be frozen either, looking again and again must do.
func (g *Group) killEach() error {
	frozen := write(g.dir, "cgroup.freeze", "1") // Linux 5.2
	err := g.killListed()
	if frozen != nil {
		if err != nil && !gone(frozen) {
			err = errors.Join(err, frozen)
		}
		return err
	}
	if thaw := write(g.dir, "cgroup.freeze", "0"); !gone(thaw) {
		err = errors.Join(err, thaw)
	}
	return err
}

// killListed signals what is there until nothing new is: a process that has the
// signal cannot fork any more, so one that was not there before was forked by
// one that had not been reached.
func (g *Group) killListed() error {
	reached := map[int]bool{}
	for range killRounds {
		pids, err := g.PIDs()
		if err != nil {
			return err
		}
		found := false
		for _, pid := range pids {
			if reached[pid] {
				continue
			}
			reached[pid], found = true, true
			if err := unix.Kill(pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("kill process %d of %s: %w", pid, g.dir, err)
			}
		}
		if !found {
			return nil
		}
	}
	return fmt.Errorf("kill %s: new processes are still there after %d rounds", g.dir, killRounds)
}
