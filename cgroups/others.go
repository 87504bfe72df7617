package cgroups

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Others returns the processes in the group and below it that are not in keep.
func (g *Group) Others(keep ...int) ([]int, error) {
	pids, err := g.PIDs()
	return slices.DeleteFunc(pids, func(pid int) bool { return slices.Contains(keep, pid) || ended(pid) }), err
}

// KillOthers kills every process of the group and below it that is not in keep, waits
// until they have ended, or ctx has, and returns how many there were. While it looks and
// signals, the group stands still, those to be kept as well: nobody can fork ahead of it.
// Where a group cannot be frozen it looks until it finds nobody new.
func (g *Group) KillOthers(ctx context.Context, keep ...int) (killed int, err error) {
	thaw, frozen := g.freeze(ctx)
	defer func() { err = errors.Join(err, thaw()) }()
	for range killRounds {
		others, err := g.Others(keep...)
		if err != nil || len(others) == 0 {
			return killed, err
		}
		for some := range slices.Chunk(others, killsAtOnce) {
			n, err := g.killSome(ctx, some)
			if killed += n; err != nil {
				return killed, err
			}
		}
	}
	return killed, errors.Join(fmt.Errorf("kill the processes of %s: new ones are still there after %d rounds", g.dir, killRounds), frozen)
}

// killsAtOnce bounds the descriptors that are open for it.
const killsAtOnce = 128

// killSome kills processes that were seen in the group, by pidfds, which cannot come to
// mean later processes of the same numbers, and waits until they have ended.
func (g *Group) killSome(ctx context.Context, pids []int) (killed int, err error) {
	fds := map[int]int{} // by process
	defer func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	}()
	for _, pid := range pids {
		fd, err := unix.PidfdOpen(pid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue // it has ended
		}
		if err != nil {
			return 0, fmt.Errorf("open process %d of %s: %w", pid, g.dir, err)
		}
		fds[pid] = fd
	}
	there, err := g.PIDs()
	if err != nil {
		return 0, err
	}
	for pid, fd := range fds {
		if !slices.Contains(there, pid) {
			continue // the number was another's by the time that it was opened
		}
		switch err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); {
		case err == nil:
			killed++
		case !errors.Is(err, unix.ESRCH):
			return killed, fmt.Errorf("kill process %d of %s: %w", pid, g.dir, err)
		}
	}
	for pid, fd := range fds {
		if !slices.Contains(there, pid) {
			continue
		}
		if err := WaitPidfd(ctx, fd); err != nil {
			return killed, fmt.Errorf("wait until process %d of %s has ended: %w", pid, g.dir, err)
		}
	}
	return killed, nil
}

// ended says whether a process that is still listed is ending or has ended: the kernel
// takes it off the list with its last switch only.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ESRCH)
	}
	_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

// WaitPidfd waits until the process of a pidfd has ended, which makes that readable
// (pidfd_open(2)), or ctx has.
func WaitPidfd(ctx context.Context, fd int) error {
	for ctx.Err() == nil {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, pollSlice)
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
	}
	return ctx.Err()
}

// pollSlice is how long, in milliseconds, a wait may miss that its context has ended.
const pollSlice = 50
