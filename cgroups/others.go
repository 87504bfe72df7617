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
	reached := map[int]int{} // pidfds by process
	defer func() {
		for _, fd := range reached {
			unix.Close(fd)
		}
	}()
	err = g.signalOthers(ctx, keep, reached)
	for pid, fd := range reached {
		if waitErr := waitEnd(ctx, fd); waitErr != nil {
			err = errors.Join(err, fmt.Errorf("wait until process %d of %s has ended: %w", pid, g.dir, waitErr))
		}
	}
	return len(reached), err
}

func (g *Group) signalOthers(ctx context.Context, keep []int, reached map[int]int) (err error) {
	thaw, frozen := g.freeze(ctx)
	defer func() { err = errors.Join(err, thaw()) }()
	for range killRounds {
		before := len(reached)
		others, err := g.Others(keep...)
		if err != nil {
			return err
		}
		for _, pid := range others {
			if err := g.signal(pid, reached); err != nil {
				return err
			}
		}
		if len(reached) == before {
			return nil
		}
	}
	return errors.Join(fmt.Errorf("kill the processes of %s: new ones are still there after %d rounds", g.dir, killRounds), frozen)
}

// signal kills a process that was seen in the group, and keeps a pidfd of it, which
// cannot come to mean a later process of that number.
func (g *Group) signal(pid int, reached map[int]int) error {
	if _, done := reached[pid]; done {
		return nil
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open process %d of %s: %w", pid, g.dir, err)
	}
	pids, err := g.PIDs()
	if err == nil && slices.Contains(pids, pid) { // else the number was another's by then
		err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		if err == nil {
			reached[pid] = fd
			return nil
		}
	}
	unix.Close(fd)
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("kill process %d of %s: %w", pid, g.dir, err)
	}
	return nil
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

// waitEnd waits until the process of a pidfd has ended.
func waitEnd(ctx context.Context, fd int) error {
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
