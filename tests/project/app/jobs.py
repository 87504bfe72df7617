"""Tasks with the options that a project marks them with, and what a publisher may send them.

They run with the Python original's library as well as with ours.
"""

import hashlib
import json
import os
import signal
import time

import dispatcherd.worker.task
from dispatcherd.publish import task
from dispatcherd.worker.exceptions import DispatcherExit
from dispatcherd.worker.task import DispatcherCancel

from .tasks import note


@task()
def record(path, *args, **kwargs):
    """Write down what it was called with."""
    note(path, json.dumps([args, kwargs], sort_keys=True))


@task()
class Recorder:
    def run(self, path, *args):
        note(path, json.dumps(args))


@task(bind=True)
def named(binder, path):
    note(path, binder.uuid)


def name_of(binder, path):
    """For publishers that say bind=True themselves; it is not marked as a task."""
    note(path, binder.uuid)


@task()
def digest(path, text):
    note(path, "%d %s" % (len(text), hashlib.sha256(text.encode()).hexdigest()))


@task()
def clock(path):
    note(path, repr(time.time()))


@task()
def place(path):
    """Write down which daemon's worker this is."""
    note(path, os.environ["APP_NODE"])


@task(queue="north")
def northern(path):
    note(path, os.environ["APP_NODE"])


@task(queue=lambda: "south")
def southern(path):
    note(path, os.environ["APP_NODE"])


@task(timeout=0.2)
def limited():
    time.sleep(600)


@task(on_duplicate="discard")
def single(path):
    note(path, "began")
    time.sleep(600)


@task()
def step(path):
    note(path, "began")
    time.sleep(0.1)
    note(path, "ended")


@task(bind=True)
def ask(binder, command, data=None):
    return binder.control(command, data)


@task(bind=True)
def ask_into(binder, path, command):
    """Write down what the service answers."""
    note(path, json.dumps(binder.control(command)))


@task()
def careful(path):
    """Clean up when it is cancelled."""
    try:
        note(path, "began")
        time.sleep(600)
    except DispatcherCancel:
        note(path, "cleaned up")
        raise


@task()
def last():
    """Be the last task of its worker."""
    raise DispatcherExit("%d leaves" % os.getpid())


@task()
def library():
    return dispatcherd.worker.task.__file__


@task()
def last_on_interrupt(path):
    """Be the last task of its worker once SIGINT comes."""
    def leave(*_):
        raise DispatcherExit("interrupted")

    signal.signal(signal.SIGINT, leave)
    note(path, "began")
    time.sleep(600)


@task()
def backend(conninfo, break_it=False):
    """Return the number of the server's process for a connection, which may end it first."""
    import psycopg

    with psycopg.connect(conninfo, autocommit=True) as connection:
        if break_it:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return connection.execute("SELECT pg_backend_pid()").fetchone()[0]
