package supervisor

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"
)

// sampleEvery is how often the workers that are watched are looked at.
const sampleEvery = 100 * time.Millisecond

// maxSeen bounds the processes of one task that are remembered.
const maxSeen = 256

// sample is the most that was seen during a task.
type sample struct {
	memory int64 // bytes
	pids   int
	seen   map[int]member // nil until there was more than the worker
	likely string         // which of them the out-of-memory killer has chosen, if it has
}

// member is a process that a task has started.
type member struct {
	name string
	rss  int64 // pages, the most
}

// Watch has a worker's memory and processes looked at from time to time until the end of
// its task. It does not wait, and a worker that has ended is no error.
func (c *Client) Watch(worker int) error {
	if c.Info().Version < limitsSince {
		return nil
	}
	return c.tell(opWatch, worker)
}

// watchTask begins to look at a worker.
func (s *Supervisor) watchTask(w *worker) {
	w.look(true)
	select {
	case s.watched <- w:
	default: // sampling has been told of so many that it looks at all
	}
}

// sampling looks at the workers that are watched until ctx ends, and sleeps while none is.
func (s *Supervisor) sampling(ctx context.Context) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	ticks := ticker.C
	for {
		select {
		case <-s.watched:
			if ticks == nil {
				ticker.Reset(sampleEvery)
				ticks = ticker.C
			}
		case <-ticks:
			busy := false
			for _, w := range s.living() {
				busy = w.look(false) || busy
			}
			if !busy {
				ticker.Stop()
				ticks = nil
			}
		case <-ctx.Done():
			return
		}
	}
}

// look samples a worker that is watched, or is to be from now on, and says whether it is.
func (w *worker) look(begin bool) bool {
	if !w.ledger.mu.TryLock() {
		return true // its task is being accounted
	}
	defer w.ledger.mu.Unlock()
	l := &w.ledger
	if begin {
		l.watching = true
	}
	if !l.watching {
		return false
	}
	if running, err := w.noted(); err == nil && !running {
		l.watching = false // the daemon knows of its end; what was seen is kept for the account
		return false
	}
	now, members := w.cage.glance()
	l.sampled.memory = max(l.sampled.memory, now.Memory)
	l.sampled.pids = max(l.sampled.pids, now.PIDs)
	for _, pid := range members[:min(len(members), maxSeen)] {
		if pid != w.PID {
			l.sampled.meet(pid)
		}
	}
	return true
}

// meet notes a process that the task has started.
func (s *sample) meet(pid int) {
	name, rss, err := shortly(pid)
	if _, known := s.seen[pid]; err != nil || !known && len(s.seen) == maxSeen {
		return
	}
	if s.seen == nil {
		s.seen = map[int]member{}
	}
	s.seen[pid] = member{name, max(rss, s.seen[pid].rss)}
}

// suspect names the largest process that was seen and is gone, since that is what the
// out-of-memory killer takes. It comes before what is left is ended.
func (s *sample) suspect() {
	most := int64(0)
	for pid, m := range s.seen {
		_, pages, err := shortly(pid)
		if gone := err != nil || pages == 0; gone && m.rss > most { // a zombie takes nothing
			most, s.likely = m.rss, fmt.Sprintf("process %d (%s)", pid, m.name)
		}
	}
}

// shortly returns a process's name and its resident set in pages.
func shortly(pid int) (name string, pages int64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return "", 0, err
	}
	var size int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return "", 0, err
	}
	comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.ToValidUTF8(strings.TrimSpace(string(comm)), "\ufffd"), pages, err
}
