"""Tasks for a worker with a lane. Those that look into the runtime do it in their own worker only."""

import gc
import os
import signal
import subprocess
import sys

from dispatcherd.publish import task

from dispatcherd_worker import worker
from dispatcherd_worker.lane import Lane


class Clock:
    """What the worker takes for the time, once a task has stopped it."""

    now = 0.0

    @classmethod
    def read(cls):
        return cls.now


@task()
def stop_the_clock():
    """Have every task take no time, on however loaded a machine, but for what it lets pass."""
    Clock.now = 0.0
    worker._now = Clock.read


@task()
def pass_time(seconds):
    Clock.now += seconds


@task()
def say(stream):
    print("said", file=getattr(sys, stream), flush=True)


@task(bind=True)
def ask(binder):
    return binder.control("alive")


@task()
def term_when_taken():
    """Have SIGTERM come when the next task has been taken from the lane."""
    take = Lane.take

    def take_and_signal(lane):
        taken = take(lane)
        os.kill(os.getpid(), signal.SIGTERM)
        return taken

    Lane.take = take_and_signal


@task()
def term_when_timed():
    """Have SIGTERM come when this task has ended."""

    def signal_and_read():
        os.kill(os.getpid(), signal.SIGTERM)
        return Clock.now

    worker._now = signal_and_read


def lane():
    """Return the descriptor of this worker's lane."""
    return next(found._descriptor for found in gc.get_objects() if type(found) is Lane)


def links():
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink("/proc/self/fd/" + name))
        except OSError:
            pass  # the listing's own
    return found


@task()
def lanes_of_a_child():
    """Return how many descriptors of the lane there are here and in a child."""
    name = os.readlink("/proc/self/fd/%d" % lane())
    child = os.fork()
    if child == 0:
        os._exit(links().count(name))
    return [links().count(name), os.WEXITSTATUS(os.waitpid(child, 0)[1])]


@task()
def links_of_a_program():
    """Return what a program has open that inherits all that it can."""
    return subprocess.run(["ls", "-l", "/proc/self/fd"], close_fds=False, stdout=subprocess.PIPE, check=True).stdout.decode()


@task()
def replace_lane():
    """Put a pipe in its place that holds what is no task."""
    reader, writer = os.pipe2(os.O_NONBLOCK)
    os.write(writer, b"x" * 100)
    os.dup2(reader, lane(), False)


@task()
def close_lane():
    os.close(lane())


@task()
def leave_child():
    """Leave a child behind, and take long enough to have made one."""
    Clock.now += 0.0005
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    return child
