package supervisor

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"sync"

	"dispatcherd/cgroups"

	"golang.org/x/sys/unix"
)

// Limited is the supervisor's answer to a change of a worker's limits.
type Limited struct {
	// Err is why the limits are as they were before; nil when they have changed.
	Err error
	// Grown says that a worker which is fresh could have them: this one has taken memory
	// in its earlier tasks that it does not give back.
	Grown bool
}

// Limits are those that [Spec] gives to every worker, as text; equal limits have equal texts.
func (c *Client) Limits() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limits
}

// Limit asks for other limits of a worker, of which the text is a JSON object; fresh is a
// worker that has run no task. done is called with the answer, once, and must not block; it
// is not called when the connection or the worker is lost, which Exited tells. waits is
// false when there is nothing to wait for: the supervisor is too old to limit anything.
func (c *Client) Limit(worker int, limits string, fresh bool, done func(Limited)) (waits bool, err error) {
	l, err := cgroups.ParseLimits([]byte(limits))
	if err != nil {
		return false, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.conn != nil && c.info.Version < limitsSince {
		return false, nil
	}
	id, err := c.askLocked(packet{Op: opLimit, Worker: worker, Limits: &l, Fresh: fresh})
	if err != nil {
		return false, fmt.Errorf("limit worker %d: %w", worker, err)
	}
	c.limiting[id] = done
	return true, nil
}

// limited hands the answer to who waits for it.
func (c *Client) limited(p packet) {
	c.mu.Lock()
	done := c.limiting[p.ID]
	delete(c.limiting, p.ID)
	c.mu.Unlock()
	if done == nil {
		return
	}
	var l Limited
	if p.Error != "" {
		l = Limited{Err: errors.New(p.Error), Grown: p.Grown}
	}
	done(l)
}

// restraint is what limits a worker now.
type restraint struct {
	mu    sync.Mutex // guards the fields below; held while the limits change
	asked cgroups.Limits
	set   cgroups.Limits // the same, resolved
}

func (r *restraint) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked.String()
}

// limitWorker changes a worker's limits for its next task, and answers the daemon. One that is
// gone has no answer: its end is told.
func (s *Supervisor) limitWorker(to *session, p packet) {
	answer := packet{Op: opLimited, ID: p.ID, Worker: p.Worker}
	w := s.find(p.Worker)
	if w == nil || p.Limits == nil {
		return
	}
	if err := s.restrain(w, *p.Limits, p.Fresh); err != nil {
		if stat, gone := readStat(w.PID); gone != nil || stat.zombie() {
			return
		}
		answer.Error = err.Error()
		var small tooSmallError
		answer.Grown = errors.As(err, &small) && small.grown
	}
	to.conn.send(answer) // requests meets the same end
}

// restrain gives the worker other limits.
func (s *Supervisor) restrain(w *worker, asked cgroups.Limits, fresh bool) error {
	w.limits.mu.Lock()
	defer w.limits.mu.Unlock()
	set := asked.Resolve(s.iso.unit)
	if err := s.fits(w, set, fresh); err != nil {
		return err
	}
	absent, err := w.cage.limit(w.PID, w.limits.set, set)
	if err != nil {
		return err
	}
	w.limits.asked, w.limits.set = asked, set
	s.tellAbsent(absent)
	return nil
}

// tooSmallError refuses a limit on memory that the worker is above before its task begins.
type tooSmallError struct {
	key           string
	limit, needed int64 // bytes
	grown         bool
}

func (e tooSmallError) Error() string {
	return fmt.Sprintf("%s must be at least %s, which is what a worker needs that runs nothing, and a quarter more; it is %s",
		e.key, mebibytes(e.needed), mebibytes(e.limit))
}

// mebibytes rounds up.
func mebibytes(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%dK", (bytes+1<<10-1)>>10)
	}
	return fmt.Sprintf("%dM", (bytes+1<<20-1)>>20)
}

// fits refuses limits on memory that the idle worker is above, or so near that its next
// task could do nothing: the kernel would end it before its task can be blamed.
func (s *Supervisor) fits(w *worker, set cgroups.Limits, fresh bool) error {
	key, least := "memory_max", int64(math.MaxInt64)
	if n, ok := set.MemoryMax.Number(); ok {
		least = n
	}
	if n, ok := set.MemoryHigh.Number(); ok && n < least {
		key, least = "memory_high", n
	}
	if least == math.MaxInt64 {
		return nil
	}
	floor, err := w.cage.floor(w.PID)
	if err != nil {
		return fmt.Errorf("measure worker %d for its limits: %w", w.id, err)
	}
	if fresh {
		s.iso.learnFloor(w.generation, floor)
	}
	needed := floor + floor/4
	if least >= needed {
		return nil
	}
	known := s.iso.floorOf(w.generation)
	grown := !fresh && least >= known+known/4
	return tooSmallError{key: key, limit: least, needed: needed, grown: grown}
}

func (c *cgroupCage) limit(pid int, from, to cgroups.Limits) (absent []string, err error) {
	if !c.group.LimitsMemory() {
		if err := c.data.limit(pid, from, to); err != nil {
			return nil, err
		}
	}
	return c.group.Limit(from, to)
}

func (c *cgroupCage) floor(pid int) (int64, error) {
	bytes, ok, err := c.group.MemoryFloor()
	if err != nil {
		return 0, err
	}
	pages, err := pagesOf(pid)
	if !ok || err != nil {
		return pages.data, err
	}
	// What a fresh worker still shares with the fork server is not counted for its group, and
	// is as soon as a task so much as looks at it: Python counts references in the objects.
	return max(bytes, pages.resident-pages.shared), nil
}

func (c *sessionCage) limit(pid int, from, to cgroups.Limits) (absent []string, err error) {
	return to.Names(), c.data.limit(pid, from, to)
}

func (c *sessionCage) floor(pid int) (int64, error) {
	pages, err := pagesOf(pid)
	return pages.data, err
}

// dataLimit limits the memory of a process where no cgroup can: each process that comes of
// it has the limit for itself (setrlimit(2), RLIMIT_DATA).
type dataLimit struct {
	before *unix.Rlimit // what the process had; nil while it has it
}

func (d *dataLimit) limit(pid int, from, to cgroups.Limits) error {
	if from.MemoryMax == to.MemoryMax {
		return nil
	}
	if d.before == nil {
		d.before = &unix.Rlimit{}
		if err := unix.Prlimit(pid, unix.RLIMIT_DATA, nil, d.before); err != nil {
			d.before = nil
			return fmt.Errorf("limit memory_max: read RLIMIT_DATA: %w", err)
		}
	}
	is := *d.before
	if n, ok := to.MemoryMax.Number(); ok {
		is.Cur = min(is.Cur, uint64(n)) // the hard limit stays: only root could raise it again
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, &is, nil); err != nil {
		return fmt.Errorf("limit memory_max: set RLIMIT_DATA to %d: %w", is.Cur, err)
	}
	return nil
}

// pages are what /proc/PID/statm says (proc_pid_statm(5)), in bytes; it is read in a fraction of
// the time that status takes.
type pages struct {
	resident, shared int64 // shared are those of files and of shared memory
	data             int64 // what RLIMIT_DATA counts, and the stack
}

func pagesOf(pid int) (p pages, err error) {
	path := fmt.Sprintf("/proc/%d/statm", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return pages{}, err
	}
	fields := strings.Fields(string(text))
	if len(fields) < 6 {
		return pages{}, fmt.Errorf("read %s: only %d fields", path, len(fields))
	}
	size := int64(os.Getpagesize())
	for _, f := range []struct {
		to    *int64
		index int
	}{{&p.resident, 1}, {&p.shared, 2}, {&p.data, 5}} {
		n, err := strconv.ParseInt(fields[f.index], 10, 64)
		if err != nil {
			return pages{}, fmt.Errorf("read %s: %w", path, err)
		}
		*f.to = n * size
	}
	return p, nil
}
