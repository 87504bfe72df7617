"""A worker class with every hook, for the tests."""

import json
import os

from dispatcherd.worker.task import TaskWorker


class Worker(TaskWorker):
    def _note(self, text):
        with open(os.environ["APP_HOOKS"], "a") as f:
            f.write(text + "\n")

    def on_start(self):
        self._note("on_start")

    def pre_task(self, message):
        self._note("pre_task " + message["uuid"])

    def post_task(self, result):
        self._note("post_task")

    def on_shutdown(self):
        self._note("on_shutdown")


class Witness(TaskWorker):
    """Writes down each message as it has arrived in the worker."""

    def pre_task(self, message):
        with open(os.environ["APP_HOOKS"], "a") as f:
            f.write(json.dumps(message) + "\n")
