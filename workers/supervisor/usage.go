package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"
)

// Usage is what a worker takes, with everything that its task has started.
type Usage struct {
	Worker int         `json:"worker"`
	PID    int         `json:"pid"`
	Memory int64       `json:"memory"` // bytes
	Source UsageSource `json:"source"`
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

// usagesAtOnce is how many go into one packet: they fit in.
const usagesAtOnce = 500

// usageCall is a question to the supervisor.
type usageCall struct {
	got    []Usage
	answer chan error // buffered; nil when got is complete
}

// Usage asks the supervisor what each worker takes, by worker.
func (c *Client) Usage(ctx context.Context) ([]Usage, error) {
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
		return nil, fmt.Errorf("measure the workers: %w", err)
	}
	return call.got, nil
}

func (c *Client) askUsage(call *usageCall) (id uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn == nil {
		return 0, errNotConnected
	}
	c.lastID++
	if err := c.conn.send(packet{Op: opUsage, ID: c.lastID}); err != nil {
		return 0, err
	}
	c.asked[c.lastID] = call
	return c.lastID, nil
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
	if !p.More {
		delete(c.asked, p.ID)
		call.answer <- nil // buffered
	}
}

// measure answers what each worker takes. One is measured at a time: it may take some
// milliseconds for each, and a crowd of questions is not to slow everything else down.
func (s *Supervisor) measure(to *session, id uint64) {
	s.measuring.Lock()
	defer s.measuring.Unlock()
	all := s.usages()
	for len(all) > usagesAtOnce {
		to.conn.send(packet{Op: opUsage, ID: id, Usage: all[:usagesAtOnce], More: true}) // requests meets the same end
		all = all[usagesAtOnce:]
	}
	to.conn.send(packet{Op: opUsage, ID: id, Usage: all}) // likewise
}

func (s *Supervisor) usages() []Usage {
	members := sessions{}
	all := []Usage{}
	for _, w := range s.living() {
		u := Usage{Worker: w.id, PID: w.PID}
		var err error
		u.Memory, u.Source, err = w.cage.memory(members)
		if err != nil {
			s.log.Warn("worker could not be measured", "worker", w.id, "pid", w.PID, "err", err)
			u.Memory, u.Source = 0, Unknown
		}
		all = append(all, u)
	}
	slices.SortFunc(all, func(a, b Usage) int { return a.Worker - b.Worker })
	return all
}

func (c *cgroupCage) memory(sessions) (int64, UsageSource, error) {
	bytes, ok, err := c.group.Memory()
	if ok || err != nil {
		return bytes, FromCgroup, err
	}
	pids, err := c.group.PIDs()
	if err != nil {
		return 0, Unknown, err
	}
	bytes, err = memoryOf(pids)
	return bytes, FromProcesses, err
}

func (c *sessionCage) memory(members sessions) (int64, UsageSource, error) {
	pids, err := members.of(c.leader)
	if err != nil {
		return 0, Unknown, err
	}
	bytes, err := memoryOf(pids)
	return bytes, FromProcesses, err
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
