"""Tasks that end at once, which a worker is handed ahead of its need, and what comes between them."""

import os
import signal
import sys
import time

from dispatcherd.publish import task

from .tasks import note


@task(bind=True)
def effect(binder, path, seconds=0):
    """Leave a line that says which task ran."""
    leave_line(path, binder.uuid)
    if seconds:
        time.sleep(seconds)


def leave_line(path, text):
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(descriptor, (text + "\n").encode())  # in one piece, however many write
    os.close(descriptor)


@task(bind=True)
def say(binder, how):
    """Print its uuid, so that the log can be compared."""
    if how == "lines":
        print("said by %s\nsaid by %s" % (binder.uuid, binder.uuid))
    elif how == "unfinished":
        sys.stdout.write("said by %s" % binder.uuid)
    elif how == "error":
        print("said by %s" % binder.uuid, file=sys.stderr, flush=True)
    elif how == "descriptor":
        os.write(1, ("said by %s\n" % binder.uuid).encode())


@task(bind=True)
def end_daemon(binder, path, number, gate=""):
    """End the daemon, which is never told of this task's end, and go on at once or when `gate` is there."""
    leave_line(path, binder.uuid)
    os.kill(number, signal.SIGKILL)
    while gate and not os.path.exists(gate):
        time.sleep(0.01)


@task(bind=True)
def alone(binder, path, token):
    """Fail if another one is at it."""
    os.close(os.open(token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    note(path, binder.uuid)
    os.unlink(token)
