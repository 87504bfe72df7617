package cgroups

import (
	"context"
	"time"
)

// freezeTime bounds the wait for a group to stand still: a process in an uninterruptible
// sleep keeps it from that, and cannot fork meanwhile.
const freezeTime = 100 * time.Millisecond

// freeze stops every process of the group, so that none forks, and none ends unless it
// is killed: SIGKILL reaches a frozen process of cgroup v2. thaw is never nil. Where
// groups cannot be frozen (before Linux 5.2, or a file system that is read-only by now)
// err says so.
func (g *Group) freeze(ctx context.Context) (thaw func() error, err error) {
	nothing := func() error { return nil }
	if err := write(g.dir, "cgroup.freeze", "1"); err != nil {
		return nothing, err
	}
	thaw = func() error {
		if err := write(g.dir, "cgroup.freeze", "0"); err != nil && !gone(err) {
			return err
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, freezeTime)
	defer cancel()
	_ = g.await(ctx, "frozen", 1) // late is not lost: who is frozen later is killed all the same
	return thaw, nil
}
