"""The loop of a worker in plain Python."""

import json
import queue
import unittest

from dispatcherd import config
from dispatcherd.worker import target
from dispatcherd.worker.task import TaskWorker

SETTINGS = {"version": 2, "worker": {"worker_cls": "tests.test_service_target.Noting", "worker_kwargs": {"idle_timeout": 0.01}}}


class Noting(TaskWorker):
    """Notes which hooks are called, and leaves when it is idle."""

    notes = []
    idle = False

    def on_start(self):
        self.notes.append("on_start")

    def pre_task(self, message):
        self.notes.append("pre_task")
        raise ValueError("no matter")

    def post_task(self, result):
        self.notes.append("post_task")

    def on_idle(self):
        self.notes.append("on_idle")
        self.idle = True

    def should_exit(self):
        return self.idle or super().should_exit()

    def on_shutdown(self):
        self.notes.append("on_shutdown")

    def get_ready_message(self):
        return {"worker": self.worker_id, "event": "ready"}

    def get_shutdown_message(self):
        return {"worker": self.worker_id, "event": "shutdown"}


class Loop(unittest.TestCase):
    def setUp(self):
        Noting.notes = []
        before = config.settings._wrapped
        self.addCleanup(setattr, config.settings, "_wrapped", before)
        config.settings._wrapped = None

    def run_loop(self, *messages, settings=None):
        """Return the events that the loop puts out."""
        incoming, outgoing = queue.Queue(), queue.Queue()
        for message in messages:
            incoming.put(message)
        with self.assertLogs("dispatcherd.worker") as self.logged:
            target.logger.info("the log is not empty")
            target.work_loop(5, json.dumps(settings or SETTINGS), outgoing, incoming)
        return [outgoing.get_nowait() for _ in range(outgoing.qsize())]

    def test_a_task_then_a_stop(self):
        events = self.run_loop({"task": "os.getcwd", "uuid": "u"}, "stop")
        self.assertEqual([event["event"] for event in events], ["ready", "done", "shutdown"])
        self.assertEqual({event["worker"] for event in events}, {5})
        self.assertEqual(Noting.notes, ["on_start", "pre_task", "post_task", "on_shutdown"])
        self.assertIn("pre_task raised", "".join(self.logged.output))

    def test_without_a_task_it_is_idle(self):
        events = self.run_loop()
        self.assertEqual([event["event"] for event in events], ["ready", "shutdown"])
        self.assertEqual(Noting.notes, ["on_start", "on_idle", "on_shutdown"])

    def test_settings_that_are_there_stay(self):
        config.setup(config=dict(SETTINGS, brokers={"mine": {}}))
        self.run_loop("stop", settings={"version": 2, "worker": {"worker_cls": "nowhere.Worker"}})
        self.assertEqual(config.settings.brokers, {"mine": {}})

    def test_a_class_that_is_missing_is_named(self):
        with self.assertRaisesRegex(ValueError, "^worker.worker_cls: there is no os.Worker$"):
            self.run_loop(settings={"version": 2, "worker": {"worker_cls": "os.Worker"}})
