"""Tasks of the test project."""

import gc
import logging
import os
import random
import signal
import sys
import time

from dispatcherd.publish import task
from dispatcherd.worker.exceptions import DispatcherCancel, DispatcherExit


@task()
def add(a, b=0):
    return a + b


@task(queue="q", timeout=3, on_duplicate="serial", decorate=False)
def echo(value):
    return value


def unmarked(value=1):
    return value


@task()
class Adder:
    def run(self, a, b=0):
        return a + b


@task(bind=True)
def bound(binder, value=None):
    return [binder.uuid, binder.worker_id, value]


def takes_binder(binder):
    return binder.uuid


@task(bind=True)
def ask(binder, command, data=None):
    return binder.control(command, data)


@task(bind=True)
def ask_twice(binder):
    """Goes on after a cancel that came while it waited for the first reply."""
    try:
        binder.control("running")
    except DispatcherCancel:
        print("cancelled once", flush=True)
    return binder.control("alive")


@task(timeout=0.01, on_duplicate="serial")
def marked(seconds):
    time.sleep(seconds)
    return "slept"


@task()
def log():
    logging.getLogger("app").info("an info")
    logging.getLogger("app").warning("a warning")


@task()
def fail(text="boom", kwargs_secret=None):
    raise ValueError(text)


@task()
def sleep():
    print("started", flush=True)
    time.sleep(3600)


@task()
def spin():
    print("started", flush=True)
    while True:
        pass


@task()
def swallow():
    try:
        print("started", flush=True)
        time.sleep(3600)
    except Exception as exc:
        return "swallowed " + type(exc).__name__


@task()
def swallow_twice():
    for _ in range(2):
        try:
            print("started", flush=True)
            time.sleep(3600)
        except DispatcherCancel:
            pass
    return "twice"


@task()
def leave(result="bye"):
    raise DispatcherExit(result)


@task()
def cancel_itself():
    raise DispatcherCancel()


@task()
def exit_with(code):
    sys.exit(code)


@task()
def interrupt():
    raise KeyboardInterrupt()


@task()
def hard_exit(code):
    os._exit(code)


@task()
def say(text, end="\n"):
    print(text, end=end)


@task()
def close_range(first, last):
    os.closerange(first, last)


@task()
def close_stdout_object():
    sys.stdout.close()


@task()
def fork_and_return():
    """The child returns from the task as well."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
    return "parent" if child else "child"


@task()
def fork_and_raise(kind):
    child = os.fork()
    if child:
        return os.WEXITSTATUS(os.waitpid(child, 0)[1])
    raise {"exit": SystemExit(7), "error": ValueError("in the child")}[kind]


@task()
def descriptors():
    names = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            names[name] = os.readlink("/proc/self/fd/" + name)
        except OSError:
            pass  # the listing's own
    return names


@task()
def process():
    return {"pid": os.getpid(), "session": os.getsid(0), "group": os.getpgrp(), "random": random.random(),
            "frozen": gc.get_freeze_count(), "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ()))}


@task()
def take_signals():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1))


@task()
def is_ignored():
    return [signal.getsignal(n) is signal.SIG_IGN for n in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)]


@task()
def kill_itself(number):
    os.kill(os.getpid(), number)


class Evil:
    @property
    def __class__(self):
        raise RuntimeError("evil")

    def __repr__(self):
        raise RuntimeError("evil")

    __str__ = __repr__


class EvilError(Exception):
    def __str__(self):
        raise SystemExit("evil")


def circular():
    value = []
    value.append(value)
    return value


def deep():
    value = []
    for _ in range(100000):
        value = [value]
    return value


RESULTS = {
    "lambda": lambda: lambda: 5,
    "generator": lambda: (n for n in ()),
    "evil": Evil,
    "circular": circular,
    "deep": deep,
    "set": lambda: {1},
    "bytes": lambda: b"x",
    "int keys": lambda: {1: 2},
    "nested": lambda: [{"a": object()}],
    "huge": lambda: "x" * (2 << 20),
    "many": lambda: [0] * (1 << 20),
    "escapes": lambda: "\u00fc" * (1 << 19),
    "digits": lambda: 1 << 5000000,
}


@task()
def result(kind):
    return RESULTS[kind]()


@task()
def evil_error():
    raise EvilError()


@task(bind=True)
def follow_up(binder, number):
    print(binder.uuid, number)
    if number < 0:
        raise DispatcherExit()
    if number == 0:
        raise ValueError("zero")
