package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"dispatcherd/cgroups"

	"golang.org/x/sys/unix"
)

// Usage is what a worker takes, with everything that its task has started.
type Usage struct {
	Worker int         `json:"worker"`
	PID    int         `json:"pid"`
	Memory int64       `json:"memory"` // bytes
	Source UsageSource `json:"source"`

	// What follows is 0 where it is not counted, and from a supervisor of an earlier version.

	CPU        time.Duration `json:"cpu,omitempty"` // since the worker began, like the rest
	Throttled  time.Duration `json:"throttled,omitempty"`
	MemoryPeak int64         `json:"memory_peak,omitempty"` // bytes, the most at once
	MemoryMax  int64         `json:"memory_max,omitempty"`  // bytes, the limit; 0: none
	PIDs       int           `json:"pids,omitempty"`        // processes, and threads where those are counted
	OOMKills   int           `json:"oom_kills,omitempty"`   // processes that the out-of-memory killer has ended
}

// UsageSource is where in the kernel a figure comes from.
type UsageSource string

const (
	// FromCgroup is memory.current of the worker's cgroup: page cache and kernel memory
	// that it has caused are in it.
	FromCgroup UsageSource = "cgroup"
	// FromProcesses is the sum of Pss in /proc/PID/smaps_rollup (proc_pid_smaps(5)): a page
	// that several processes share counts in equal parts for each.
	FromProcesses UsageSource = "smaps_rollup"
	// Unknown is where the kernel has not told.
	Unknown UsageSource = ""
)

// usageCall is a question to the supervisor.
type usageCall struct {
	got    []Usage
	totals Totals
	answer chan error // buffered; nil when got is complete
}

// Usage asks the supervisor what each worker takes, by worker.
func (c *Client) Usage(ctx context.Context) ([]Usage, error) {
	usages, _, err := c.Measure(ctx)
	return usages, err
}

// Measure asks the supervisor what each worker takes, by worker, and all together.
func (c *Client) Measure(ctx context.Context) ([]Usage, Totals, error) {
	call := &usageCall{answer: make(chan error, 1)}
	id, err := c.askUsage(call)
	if err == nil {
		select {
		case err = <-call.answer:
		case <-ctx.Done(): // an earlier version does not answer at all
			err = ctx.Err()
		}
		c.mu.Lock()
		delete(c.asked, id)
		c.mu.Unlock()
	}
	if err != nil {
		return nil, Totals{}, fmt.Errorf("measure the workers: %w", err)
	}
	return call.got, call.totals, nil
}

func (c *Client) askUsage(call *usageCall) (id uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id, err = c.askLocked(packet{Op: opUsage}); err == nil {
		c.asked[id] = call
	}
	return id, err
}

// measured takes an answer, or a part of it.
func (c *Client) measured(p packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.asked[p.ID]
	if call == nil {
		return // nobody waits any more
	}
	call.got = append(call.got, p.Usage...)
	if p.Totals != nil {
		call.totals = *p.Totals
	}
	if !p.More {
		delete(c.asked, p.ID)
		call.answer <- nil // buffered
	}
}

func usageOf(a cgroups.Account) Usage {
	return Usage{
		Memory: a.Memory, CPU: a.CPU, Throttled: a.Throttled, MemoryPeak: a.MemoryPeak, MemoryMax: a.MemoryMax,
		PIDs: a.PIDs, OOMKills: int(a.OOMKills),
	}
}

func (c *cgroupCage) usage(sessions) (Usage, error) {
	a, err := c.group.Account()
	if err != nil {
		return Usage{}, err
	}
	u := usageOf(a)
	u.Source = FromCgroup
	if a.HasMemory && a.PIDs > 0 {
		return u, nil
	}
	pids, err := c.group.PIDs()
	if err == nil && u.PIDs == 0 {
		u.PIDs = len(pids)
	}
	if err == nil && !a.HasMemory {
		u.Source = FromProcesses
		u.Memory, err = memoryOf(pids)
	}
	return u, err
}

func (c *sessionCage) usage(members sessions) (Usage, error) {
	pids, err := members.of(c.leader)
	if err != nil {
		return Usage{}, err
	}
	u := Usage{Source: FromProcesses, PIDs: len(pids)}
	for _, pid := range pids {
		if stat, err := readStat(pid); err == nil { // else it has ended meanwhile
			u.CPU += stat.cpu
		}
	}
	u.Memory, err = memoryOf(pids)
	return u, err
}

// memoryOf adds up what the processes take; one that has ended takes nothing.
func memoryOf(pids []int) (sum int64, err error) {
	for _, pid := range pids {
		bytes, err := Memory(pid)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ESRCH) {
			return 0, err
		}
		sum += bytes
	}
	return sum, nil
}
