"""A worker class whose hooks a test can hold up, and tasks that a test needs to bring a race about."""

import json
import os
import time

from dispatcherd.publish import task
from dispatcherd.worker.exceptions import DispatcherExit
from dispatcherd.worker.task import DispatcherCancel, TaskWorker

from .tasks import note

HOME = os.getcwd()


class Gated(TaskWorker):
    """Each hook of each worker waits as long as the file HOOK-WORKER.closed is there, and notes
    HOOK-WORKER in the file "hooks" before it does."""

    def _pass(self, hook):
        name = "%s-%d" % (hook, self.worker_id)
        gate = os.path.join(HOME, name + ".closed")
        if os.path.exists(gate):
            note(os.path.join(HOME, "hooks"), name)
        while os.path.exists(gate):
            time.sleep(0.01)

    def on_start(self):
        self._pass("on_start")

    def on_idle(self):
        self._pass("on_idle")

    def on_shutdown(self):
        self._pass("on_shutdown")


@task()
def last():
    raise DispatcherExit


@task(bind=True)
def ask_when_cancelled(binder, path, source):
    """Have the service run the message in the file `source` when this task is cancelled, note what it says, and leave."""
    try:
        note(path, "began")
        time.sleep(600)
    except DispatcherCancel:
        with open(source) as stream:
            note(path, json.dumps(binder.control("run", data=json.load(stream))))
        raise DispatcherExit


@task(bind=True)
def misreport(binder, worker):
    """Say to the service that a worker is ready."""
    binder.finished_queue.put({"worker": worker, "event": "ready"})
