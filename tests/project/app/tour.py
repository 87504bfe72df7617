"""The tasks of tour.py. They write down where they ran: APP_NODE is the name of their daemon."""

import hashlib
import os
import time

from dispatcherd.publish import task

from .tasks import note

NODE = os.environ.get("APP_NODE", "")


@task()
def hello(path, *words, **more):
    note(path, " ".join([NODE, *words, *sorted(more)]))


@task(queue="south")
def southern(path):
    note(path, NODE)


@task()
class Greeter:
    def run(self, path, name="nobody"):
        note(path, "%s %s" % (NODE, name))


@task(bind=True)
def bound(binder, path):
    """Say who the task is, and have a task run by another."""
    alive = binder.control("running", data={"uuid": binder.uuid})
    mine = [entry["uuid"] for entry in alive.values()]
    note(path, "%s %s %s" % (NODE, binder.uuid, mine == [binder.uuid]))
    binder.control("run", data={"task": "app.tour.hello", "args": [path, "started by a task"]})


@task()
def sleep(seconds, path=None):
    time.sleep(seconds)
    if path:
        note(path, NODE)


@task(timeout=0.3)
def short(path):
    note(path, NODE + " began")
    time.sleep(600)
    note(path, NODE + " ended")


@task()
def gated(path, gate):
    """Stay until the file is there."""
    note(path, NODE + " began")
    while not os.path.exists(gate):
        time.sleep(0.02)
    note(path, NODE + " ended")


@task(on_duplicate="discard")
def single(path, gate):
    """Do as `gated`; it is not itself called so that the two are no duplicates."""
    note(path, NODE + " began")
    while not os.path.exists(gate):
        time.sleep(0.02)


@task()
def digest(path, text):
    note(path, "%s %d %s" % (NODE, len(text), hashlib.sha256(text.encode()).hexdigest()))


@task()
def broken(path):
    note(path, NODE)
    raise ValueError("broken on purpose")
