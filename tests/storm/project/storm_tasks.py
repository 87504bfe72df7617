"""The tasks of the storm. Each one says in the file `ran` that it begins, with its uuid and its
process, and that it has come to its end; some die in between, in every way there is."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time

from dispatcherd.publish import task
from dispatcherd.worker.exceptions import DispatcherExit

HERE = os.getcwd()


def note(word, uuid):
    """Append one line; it is whole whoever else writes, and whatever becomes of the process."""
    fd = os.open(os.path.join(HERE, "ran"), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, b"%s %s %d\n" % (word.encode(), uuid.encode(), os.getpid()))
    finally:
        os.close(fd)


def begins(function):
    """Make a task of a function, that says that it begins."""

    def begun(uuid, *args):
        note("began", uuid)
        return function(uuid, *args)

    begun.__name__, begun.__qualname__ = function.__name__, function.__qualname__
    return task()(begun)


@begins
def mark(uuid):
    note("ended", uuid)


@begins
def nap(uuid, seconds):
    time.sleep(seconds)
    note("ended", uuid)


@begins
def unpicklable(uuid):
    """Return what no pickle and no JSON can hold."""
    note("ended", uuid)
    return [lambda: uuid]


@begins
def chatter(uuid):
    """Print a line of a megabyte."""
    print("x" * (1 << 20))
    note("ended", uuid)


@begins
def leave_child(uuid):
    """Leave a process behind, in a session of its own."""
    subprocess.Popen(["sleep", "20"], start_new_session=True)
    note("ended", uuid)


@begins
def leave_thread(uuid):
    """Leave a thread behind that is no daemon."""
    threading.Thread(target=time.sleep, args=(0.5,)).start()
    note("ended", uuid)


@begins
def fork(uuid):
    """Come back twice from one call."""
    note("ended", uuid)
    os.fork()


@begins
def ask_to_leave(uuid):
    """Have the worker leave after this task."""
    note("ended", uuid)
    raise DispatcherExit()


@begins
def leave(uuid):
    os._exit(3)


@begins
def become_another(uuid):
    """Put another program in the worker's place."""
    os.execv("/bin/true", ["true"])


@begins
def close_everything(uuid):
    os.closerange(0, 1 << 16)


@begins
def send_itself(uuid, number):
    """Get a signal from oneself; a core is not wanted."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.kill(os.getpid(), number)
    time.sleep(30)


@begins
def system_exit(uuid):
    raise SystemExit(3)


@begins
def interrupt(uuid):
    raise KeyboardInterrupt()


class Unpicklable(Exception):
    def __reduce__(self):
        raise ValueError("no pickle")


class Silent(Exception):
    def __str__(self):
        raise ValueError("no text")


@begins
def raise_unpicklable(uuid):
    raise Unpicklable(uuid)


@begins
def raise_silent(uuid):
    raise Silent()


@begins
def recurse(uuid):
    def deeper():
        deeper()

    deeper()


@begins
def memory_error(uuid):
    raise MemoryError("none is left")


@task()
def fail(*_):
    """What a callback does."""
    raise ValueError("a callback fails")


@task()
def callback_leaves(*_):
    """What another callback does."""
    os._exit(4)


@begins
def deaf(uuid):
    """Swallow every cancel for three seconds."""
    end = time.monotonic() + 3
    while time.monotonic() < end:
        try:
            time.sleep(end - time.monotonic())
        except Exception as exc:
            print("swallowed", type(exc).__name__, file=sys.stderr)


@begins
def block_signals(uuid):
    """Hear no signal but SIGKILL."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    time.sleep(3)
