"""Tasks that misbehave."""

import os
import signal
import subprocess
import sys
import threading
import time

from dispatcherd.publish import task

from .tasks import note


@task()
def signal_itself(number):
    os.kill(os.getpid(), number)
    time.sleep(60)


@task()
def raise_name(name, text):
    raise getattr(__import__("builtins"), name)(text)


@task()
def recurse(n=0):
    return recurse(n + 1)


@task()
def close_everything():
    os.closerange(0, 1 << 16)


@task()
def close_and_print(*descriptors):
    for fd in descriptors:
        os.close(fd)
    print("to stdout", flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    return "printed"


@task()
def print_line(size):
    sys.stdout.write("ab" * (size // 2) + "\n")


@task()
def print_bytes(text):
    """Write latin-1 text as bytes, without the newline that would end it."""
    sys.stdout.buffer.write(text.encode("latin-1"))


@task()
def circle():
    result = []
    result.append(result)
    return result


@task()
def not_a_number():
    return [float("nan"), float("-inf"), {"x": float("nan")}]


@task()
def liar():
    """Return a value whose methods all raise."""

    class Liar:
        def __getattribute__(self, name):
            raise SystemExit("no")

        __str__ = __repr__ = __len__ = __iter__ = __getattribute__

    return {"a": Liar()}


class Silent(Exception):
    def __str__(self):
        raise ValueError("no text")


@task()
def raise_silent():
    raise Silent()


@task()
def fail_with(password, **secrets):
    """Fail in a frame whose variables hold secrets."""
    token = password + secrets["token"]
    raise ValueError("cannot log in with %d characters" % len(token))


@task()
def leave_child(path, session):
    """Leave a child behind, in a session of its own or not."""
    child = subprocess.Popen(
        [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"],
        start_new_session=session, stdout=subprocess.PIPE,
    )
    child.stdout.readline()
    note(path, str(child.pid))


@task()
def fork_and_return():
    """Come back twice from one call."""
    return "child" if os.fork() == 0 else "parent"


@task()
def leave_thread(path):
    """Leave a thread behind that is no daemon, and prints."""

    def run():
        while not os.path.exists(path):
            time.sleep(0.01)
        print("from the thread", flush=True)
        note(path, "printed")

    threading.Thread(target=run).start()


@task()
def block_doorbell(path, seconds):
    """Have the signal of a cancel blocked, and leave it so."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    note(path, "began")
    time.sleep(seconds)


@task()
def ignore_doorbell(path, seconds):
    """Have the signal of a cancel ignored, and leave it so."""
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    note(path, "began")
    time.sleep(seconds)


@task()
def own_handler(path):
    """Have a handler of SIGTERM that notes its call."""
    signal.signal(signal.SIGTERM, lambda *_: note(path, "called"))
    note(path, "began")
    time.sleep(600)
