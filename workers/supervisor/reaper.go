package supervisor

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

var errEnded = errors.New("the process has ended")

// reaper waits for every child of this process: the fork server, the workers,
// and what those leave behind, which the kernel hands to the nearest subreaper
// (prctl(2), PR_SET_CHILD_SUBREAPER). Nothing else may wait for a child.
type reaper struct {
	log *slog.Logger

	mu       sync.Mutex // guards the fields below; a registered pid is reaped under it only
	children map[int]*child
	forks    int          // processes that are being made and not yet registered
	strays   map[int]Exit // children that ended while forks > 0, in case they are those
}

type child struct {
	ended chan Exit
	dying func() // called before the reaping, while the pid is still taken; may be nil
}

func newReaper(log *slog.Logger) *reaper {
	return &reaper{log: log, children: map[int]*child{}, strays: map[int]Exit{}}
}

// run reaps until ctx ends.
func (r *reaper) run(ctx context.Context) {
	signals := make(chan os.Signal, 1) // SIGCHLDs may merge: each wake-up reaps all
	signal.Notify(signals, unix.SIGCHLD)
	defer signal.Stop(signals)
	for {
		r.reapAll()
		select {
		case <-signals:
		case <-ctx.Done():
			return
		}
	}
}

// expect says that a child is about to be made. Call settle once it was
// registered or was not made: until then nothing that ends is forgotten.
func (r *reaper) expect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forks++
}

func (r *reaper) settle() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.forks--; r.forks == 0 {
		clear(r.strays)
	}
}

// register returns where the end of pid will be told. The caller has called
// expect before pid could exist.
func (r *reaper) register(pid int, dying func()) <-chan Exit {
	c := &child{ended: make(chan Exit, 1), dying: dying}
	r.mu.Lock()
	exit, ended := r.strays[pid]
	if ended {
		delete(r.strays, pid)
	} else {
		r.children[pid] = c
	}
	r.mu.Unlock()
	if ended {
		if dying != nil {
			dying()
		}
		c.ended <- exit
	}
	return c.ended
}

// signal sends sig to pid, or to its process group if pid is negative, unless
// the child was reaped: its number may be another's by then.
func (r *reaper) signal(pid int, sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.children[max(pid, -pid)] == nil {
		return errEnded
	}
	return unix.Kill(pid, sig)
}

// has says whether pid is a child that was registered and not yet reaped.
func (r *reaper) has(pid int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.children[pid] != nil
}

func (r *reaper) reapAll() {
	for {
		pid, err := peek()
		if err != nil && !errors.Is(err, unix.ECHILD) {
			r.log.Error("children cannot be waited for", "err", err)
		}
		if err != nil || pid == 0 {
			return
		}
		r.reap(pid)
	}
}

// reap takes the zombie pid away and tells who waits for it.
func (r *reaper) reap(pid int) {
	r.mu.Lock()
	c := r.children[pid]
	r.mu.Unlock()
	if c != nil && c.dying != nil {
		c.dying()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var status syscall.WaitStatus
	var usage syscall.Rusage
	if _, err := syscall.Wait4(pid, &status, 0, &usage); err != nil {
		// Only a failed exec is waited for elsewhere, by syscall.ForkExec.
		return
	}
	exit := exitOf(status, usage)
	switch {
	case r.children[pid] != nil:
		r.children[pid].ended <- exit // buffered
		delete(r.children, pid)
	case r.forks > 0:
		r.strays[pid] = exit
	}
}

// peek returns a child that has ended, without reaping it; 0 if there is none.
func peek() (int, error) {
	for {
		var info unix.Siginfo
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == nil {
			// si_pid stands first behind three ints, aligned as a pointer is.
			const offset = 8 + unsafe.Sizeof(uintptr(0))
			return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), offset))), nil
		}
		if !errors.Is(err, unix.EINTR) {
			return 0, err
		}
	}
}
