"""The tasks of a small web shop, as a project that uses dispatcherd has them."""

import os
import signal
import time

from dispatcherd.publish import task


@task()
def greet(name="world"):
    print(f"hello, {name}!")
    return {"greeted": name}


@task()
def pack(order, seconds=2):
    for step in ("picking", "wrapping", "labelling"):
        print(f"order {order}: {step}")
        time.sleep(seconds / 3)
    return order


@task()
def charge(order):
    raise ValueError(f"order {order}: the card was refused")


@task(bind=True)
def report(binder):
    """A bound task: its first argument says who it is and can ask the service."""
    return {"uuid": binder.uuid, "workers": len(binder.control("workers"))}


@task()
def thumbnails(megabytes):
    """Load all pictures at once, which are more than anybody thought."""
    return len(b"x" * (megabytes << 20))


@task()
def sync(path):
    """Hang, deaf to every signal, with a helper that has made itself independent."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            with open(path, "w", encoding="ascii") as file:
                file.write(str(os.getpid()))
            signal.pause()
        os._exit(0)
    signal.pause()
