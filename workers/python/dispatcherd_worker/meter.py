"""What each task costs, as far as the worker's own process can tell, and whether that is all."""

import os
import resource

_getrusage = resource.getrusage
_pread = os.pread
_SELF, _CHILDREN = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
_UTIME, _STIME, _MAXRSS, _INBLOCK, _OUBLOCK = 0, 1, 2, 9, 10  # by number: by name it is twice the time
_BLOCK = 512  # bytes, the unit of getrusage(2)
INSTANT = 20e-6
"""Seconds in which a task can have made no process: the shortest way takes Python three times that."""

_PAUSE = 0.001  # seconds without a task after which what the process has used meanwhile is not the next one's
_GROWTH = 1024  # KiB: a larger resident set than before is looked at
_RESET_PEAK = b"5"  # see proc_pid_clear_refs(5)
_ROOM = 1 << 12


class Meter:
    """Reads the counters of this process around each task.

    That is two system calls for the counters, and one that reads which processes are in the worker's
    cgroup: unlike the process's own children, that shows who was forked twice, has a session of its
    own, or was forked while SIGCHLD was ignored. A task that has come back at once is spared them.
    What it has used is the time that it took.
    """

    def __init__(self, members=-1):
        """Read members from the descriptor `members`, an open cgroup.procs; -1 is for none."""
        self._members = members
        self._alone = b""  # what it holds when no task has left anything
        self._room = 0
        self._at = 0.0  # when the counters were read, Unix time in seconds
        self._cpu = 0.0  # seconds of this process and of the children that it has waited for
        self._read = self._written = 0  # bytes, likewise
        self._rss = 0  # the largest resident set that is no task's, in KiB
        self._largest_child = 0  # in KiB

    def start(self, now):
        """Take what is there now as what belongs to the worker; return the CPU seconds so far and the
        other processes in its cgroup."""
        self._alone = self._listed(_ROOM)
        self._room = len(self._alone) + 1
        mine = self._look(now)
        self._rss = self._settle(mine[_MAXRSS])
        if self._members < 0:
            return self._cpu, []
        own = os.getpid()
        return self._cpu, [int(pid) for pid in self._alone.split() if int(pid) != own]

    def begin(self, now):
        """Note what was used before a task that begins `now`, unless the last one has just ended."""
        if not 0 <= now - self._at <= _PAUSE:
            self._look(now)

    def end(self, began, now):
        """Return the usage of the task that has run from `began` to `now`, for `frames.done`."""
        cpu, read, written = self._cpu, self._read, self._written
        if 0 <= now - began <= INSTANT:
            return False, cpu, cpu + now - began, self._rss << 10, read, read, written, written
        largest_child = self._largest_child
        mine = self._look(now)
        peak = mine[_MAXRSS]
        more = self._listed(self._room) != self._alone
        if peak > self._rss + _GROWTH:
            self._rss, more = self._settle(peak), True
        if self._largest_child > largest_child:
            peak = max(peak, self._largest_child)
        return more, cpu, self._cpu, peak << 10, read, self._read, written, self._written

    def _look(self, now):
        """Read the counters; return those of this process alone."""
        mine, theirs = _getrusage(_SELF), _getrusage(_CHILDREN)
        self._at = now
        self._cpu = mine[_UTIME] + mine[_STIME] + theirs[_UTIME] + theirs[_STIME]
        self._read = (mine[_INBLOCK] + theirs[_INBLOCK]) * _BLOCK
        self._written = (mine[_OUBLOCK] + theirs[_OUBLOCK]) * _BLOCK
        self._largest_child = theirs[_MAXRSS]
        return mine

    def _listed(self, room):
        """Return the beginning of the list of members; nothing where it cannot be read."""
        if self._members < 0:
            return b"" if _childless() else b"?"
        try:
            return _pread(self._members, room, 0)
        except OSError:
            return b""  # a task has closed the descriptor, or another file has its number

    def _settle(self, peak):
        """Have the kernel forget the peak of the resident set; return what it is from here on, in KiB."""
        try:
            descriptor = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, _RESET_PEAK)
            finally:
                os.close(descriptor)
        except OSError:
            return peak  # not this kernel, or no /proc: only a larger one will be noticed
        return _getrusage(_SELF)[_MAXRSS]


def _childless():
    """Say whether this process has no child, not even an ended one."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return True
    return False
