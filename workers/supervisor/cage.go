package supervisor

import (
	"context"
	"errors"

	"dispatcherd/cgroups"
)

// cage holds the processes of one worker (or the fork server) together, so that
// they end together.
type cage interface {
	// path is the cgroup's directory, or "".
	path() string
	// add puts the process in, before it has started another one.
	add(pid int) error
	// kill ends every process in it. It is no error if there is none.
	kill() error
	// memory is what its processes take, in bytes.
	memory(members sessions) (int64, UsageSource, error)
	// limit changes the limits of what is in it, and returns by name those that cannot be
	// had here. After an error they are as before. pid is the first process.
	limit(pid int, from, to cgroups.Limits) (absent []string, err error)
	// floor is the memory in bytes that its processes cannot give back.
	floor(pid int) (int64, error)
	// dying is called when the first process is a zombie.
	dying(pid int)
	// bury ends what is left after the first process was reaped, adds to exit what the
	// cage knows of it, and removes the cage.
	bury(ctx context.Context, exit *Exit) error
}

// cgroupCage is a leaf of the tree.
type cgroupCage struct {
	group *cgroups.Group
	data  dataLimit // where group cannot limit memory
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
