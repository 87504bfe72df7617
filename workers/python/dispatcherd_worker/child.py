"""What a forked process does before it is a worker: its own session, descriptors and signals."""

import fcntl
import os
import resource
import signal
import socket
import sys

_CONVENTIONAL_LIMIT = 1024
_ROOM_AT_THE_TOP = 8


def detach(stdout, stderr):
    """Make this process a session of its own with these outputs and no input.

    The descriptors given stay open; the caller closes them.
    """
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((null, 0), (stdout, 1), (stderr, 2)):
        os.dup2(source, target, inheritable=True)
    os.close(null)
    line_buffer()
    reset_signals()


def line_buffer():
    """Write stdout and stderr line by line, though they are pipes."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.reconfigure(line_buffering=True)
        except AttributeError:
            pass  # preload has put something else there


def reset_signals():
    """Give every signal its default action, as a new program has it, and unblock all.

    Ignored ones stay so: Python itself ignores SIGPIPE and SIGXFSZ. SIGUSR1, the doorbell of a
    cancel, does nothing until the worker can answer it.
    """
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGUSR1, lambda number, frame: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def wait_for_go(descriptor):
    """Wait for one byte from the supervisor; return False when it never comes."""
    try:
        return bool(os.read(descriptor, 1))
    finally:
        os.close(descriptor)


def frame_socket(descriptor):
    """Return the frame socket, moved out of the way. Closes `descriptor`."""
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fileno=out_of_the_way(descriptor))


def out_of_the_way(descriptor):
    """Move `descriptor` to the top of the descriptor table; return the new one.

    There it survives a task that closes "all" descriptors from 3 to 255, and a file that a task
    opens gets its number only when a thousand others are open.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = _CONVENTIONAL_LIMIT if soft == resource.RLIM_INFINITY else min(soft, _CONVENTIONAL_LIMIT)
    high = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, max(limit - _ROOM_AT_THE_TOP, 3))
    os.close(descriptor)
    return high
