package supervisor

import (
	"context"
	"errors"
	"os"

	"dispatcherd/cgroups"
)

// cage holds the processes of one worker (or the fork server) together, so that
// they end together.
type cage interface {
	// path is the cgroup's directory, or "".
	path() string
	// add puts the process in, before it has started another one.
	add(pid int) error
	// members opens the list of its processes for its first one, nil where there is none.
	members() (*os.File, error)
	// kill ends every process in it. It is no error if there is none.
	kill() error
	// limit changes the limits of what is in it, and returns by name those that cannot be
	// had here. After an error they are as before. pid is the first process.
	limit(pid int, from, to cgroups.Limits) (absent []string, err error)
	// floor is the memory in bytes that its processes cannot give back.
	floor(pid int) (int64, error)
	// usage is what its processes take.
	usage(members sessions) (Usage, error)
	// others are the processes in it that are not in keep.
	others(keep []int) ([]int, error)
	// killOthers ends them, waits until they have ended, and says how many there were.
	killOthers(ctx context.Context, keep []int) (int, error)
	// account is what was counted in it so far, glance what it takes now and who is in it.
	account() (cgroups.Account, error)
	glance() (cgroups.Account, []int)
	// accounted begins a new peak of memory where the kernel can.
	accounted()
	// dying is called when the first process is a zombie.
	dying(pid int)
	// bury ends what is left after the first process was reaped, adds to exit what the
	// cage knows of it, and removes the cage.
	bury(ctx context.Context, exit *Exit) error
}

// cgroupCage is a leaf of the tree.
type cgroupCage struct {
	group   *cgroups.Group
	data    dataLimit // where group cannot limit memory
	remains *remains
	peak    *cgroups.Peak // nil before the first account, and where a peak cannot be begun anew
}

func (c *cgroupCage) path() string { return c.group.Path() }

func (c *cgroupCage) add(pid int) error { return c.group.Add(pid) }

func (c *cgroupCage) kill() error { return c.group.Kill() }

func (c *cgroupCage) dying(int) {}

func (c *cgroupCage) bury(ctx context.Context, exit *Exit) error {
	left, err := c.group.Others()
	exit.Survivors = len(left)
	err = errors.Join(err, c.group.Kill(), c.group.WaitEmpty(ctx))
	counted, countErr := c.account()
	exit.counted = counted
	c.peak.Close()
	c.remains.remove()
	removeErr := c.group.Remove(ctx)
	if removeErr != nil {
		c.remains.add(c.group)
	}
	return errors.Join(err, countErr, removeErr)
}

func (c *cgroupCage) members() (*os.File, error) { return c.group.OpenPIDs() }

func (c *cgroupCage) others(keep []int) ([]int, error) { return c.group.Others(keep...) }

func (c *cgroupCage) killOthers(ctx context.Context, keep []int) (int, error) {
	others, err := c.group.Others(keep...)
	if len(others) == 0 {
		return 0, err // nothing has to stand still for that
	}
	return c.group.KillOthers(ctx, keep...)
}

func (c *cgroupCage) account() (cgroups.Account, error) {
	a, err := c.group.Account()
	if bytes, ok := c.peak.Read(); ok {
		a.MemoryPeak, a.FreshPeak = bytes, true
	}
	return a, err
}

func (c *cgroupCage) glance() (cgroups.Account, []int) {
	a, _ := c.group.Glance() // what cannot be read is told when the task is accounted
	pids, _ := c.group.PIDs()
	a.PIDs = max(a.PIDs, len(pids))
	return a, pids
}

func (c *cgroupCage) accounted() {
	if c.peak == nil {
		c.peak = c.group.OpenPeak()
	}
	c.peak.Reset()
}
