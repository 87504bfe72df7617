"""The tasks that a worker was handed ahead of its need."""

import fcntl
import os
import termios

from . import frames

QUICK = 0.001
"""Seconds: the next task is taken from the lane only behind one that took less."""

_MAX_PACKET = 4096  # PIPE_BUF of pipe(7): the daemon puts nothing longer in
_NOTHING = bytes(4)
_HEADER = frames.HEADER
_ioctl = fcntl.ioctl
_read = os.read
_FIONREAD = termios.FIONREAD


class Lane:
    """A pipe in packet mode whose tasks the daemon takes back when they would have to wait.

    Each is got by one side. The worker looks only when a task has ended and the daemon has not yet
    been told, so whoever is told that knows whether another one has begun.
    """

    def __init__(self, descriptor):
        """Read from `descriptor`, a nonblocking pipe."""
        self._descriptor = descriptor
        self._unread = bytearray(4)

    def take(self):
        """Return (seq, body) of the next task, None when there is none or the last one has printed.

        The daemon logs what is printed as the running task's: it must have read all of it before it
        can be another one's.
        """
        unread = self._unread
        try:
            for output in (1, 2):
                _ioctl(output, _FIONREAD, unread)
                if unread != _NOTHING:
                    return None
            packet = _read(self._descriptor, _MAX_PACKET)
        except OSError:
            return None  # nothing is there, or a task has put something else where the outputs were
        if len(packet) < _HEADER.size:
            return None  # no daemon
        length, kind, _, _, seq = _HEADER.unpack_from(packet)
        if kind != frames.TASK or length != len(packet) - _HEADER.size:
            return None  # a task has put something else where the lane was
        return seq, packet[_HEADER.size:]

    def close(self):
        """Close this process's descriptor of it."""
        os.close(self._descriptor)
