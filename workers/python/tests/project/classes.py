"""Worker classes of the test project. Each prints what is called."""

import os
import signal
import time

from dispatcherd.worker.exceptions import DispatcherCancel
from dispatcherd.worker.task import TaskWorker


class Plain(TaskWorker):
    """Overrides nothing."""


class Telling(TaskWorker):
    """Overrides every hook."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        print("init", sorted(kwargs), flush=True)

    def on_start(self):
        print("on_start", self.worker_id)

    def pre_task(self, message):
        print("pre_task", message["uuid"])

    def post_task(self, result):
        print("post_task", result["uuid"], result["result"], result.get("is_stopping", False))

    def on_shutdown(self):
        print("on_shutdown")


class Idle(TaskWorker):
    """Leaves after its third idle timeout, by should_exit."""

    idles = 0

    def on_idle(self):
        self.idles += 1
        print("on_idle", self.idles)

    def should_exit(self):
        return super().should_exit() or self.idles == 3


class PreTask(TaskWorker):
    """Raises, or sleeps, before a task, as its uuid says."""

    def pre_task(self, message):
        if message["uuid"] == "raise":
            raise ValueError("before")
        if message["uuid"] == "sleep":
            print("sleeping", flush=True)
            time.sleep(3600)


class BadStart(TaskWorker):
    def on_start(self):
        raise SystemExit("no start")


class BadInit(TaskWorker):
    def __init__(self, **kwargs):
        raise ValueError("no init")


class BadIdle(TaskWorker):
    def on_idle(self):
        raise ValueError("no idle")


class BadPostTask(TaskWorker):
    def post_task(self, result):
        raise ValueError("no post_task")


class BadShutdown(TaskWorker):
    def on_shutdown(self):
        raise ValueError("no shutdown")


class OwnRun(TaskWorker):
    """Wraps run_callable."""

    def run_callable(self, message):
        print("run_callable", message["task"])
        return super().run_callable(message)


class OwnWork(TaskWorker):
    """Wraps perform_work and the modes."""

    def enter_task_mode(self):
        super().enter_task_mode()
        print("enter_task_mode")

    def enter_idle_mode(self):
        super().enter_idle_mode()
        print("enter_idle_mode")

    def perform_work(self, message):
        print("perform_work", message["task"])
        return super().perform_work(message)

    def post_task(self, result):
        print("post_task", result["result"])


class OwnBoth(OwnRun, OwnWork):
    """Wraps both."""


class Swallowing(TaskWorker):
    """Handles errors of its tasks by itself."""

    def perform_work(self, message):
        try:
            self.run_callable(message)
        except Exception as exc:
            return {"result": type(exc).__name__, "uuid": message["uuid"]}
        return {"result": "fine", "uuid": message["uuid"]}


class OwnBinder(TaskWorker):
    def produce_binder(self, message):
        binder = super().produce_binder(message)
        binder.uuid = "own " + binder.uuid
        return binder


class Duck:
    """Derives from nothing, and takes no idle_timeout."""

    def __init__(self, worker_id, message_queue, finished_queue):
        self.worker_id = worker_id

    def on_start(self):
        print("duck", self.worker_id, os.getpid() == os.getpgrp())


class Cancelling(TaskWorker):
    """Catches the cancel in perform_work, outside of the task."""

    def perform_work(self, message):
        try:
            print("waiting", flush=True)
            time.sleep(3600)
        except DispatcherCancel:
            print("caught", flush=True)
        return super().perform_work(message)


class Taking(TaskWorker):
    """Takes one argument of its own, and whatever its base takes."""

    def __init__(self, retries=0, **kwargs):
        super().__init__(**kwargs)
        print("retries", retries, sorted(kwargs), self.idle_timeout)


class Naming:
    """Takes exactly what it names, the newest argument of the original's workers too."""

    def __init__(self, worker_id, message_queue, finished_queue, *, task_signal_handling="none"):
        print("task_signal_handling", task_signal_handling)


class NamingInBase(Naming):
    """Hands on what it is given."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)


class Words(TaskWorker):
    """Makes its own messages."""

    def on_start(self):
        print("on_start")

    def get_ready_message(self):
        print("get_ready_message")
        return super().get_ready_message() if hasattr(TaskWorker, "get_ready_message") else {}

    def get_uuid(self, message):
        return "own " + message["uuid"]

    def post_task(self, result):
        print("post_task", result["uuid"], sorted(result))

    def on_shutdown(self):
        print("on_shutdown")

    def get_shutdown_message(self):
        print("get_shutdown_message")


class BadTaskMode(TaskWorker):
    def enter_task_mode(self):
        raise ValueError("no task mode")


class BadIdleMode(TaskWorker):
    def enter_idle_mode(self):
        raise ValueError("no idle mode")


class BadUuid(TaskWorker):
    def get_uuid(self, message):
        raise ValueError("no uuid")

    def post_task(self, result):
        print("post_task")


class ExitBefore(TaskWorker):
    """Ends the process before a task."""

    def pre_task(self, message):
        raise SystemExit(3)


class Ringing(TaskWorker):
    """Gets the doorbell of a cancel where no task runs."""

    def _ring(self, where):
        os.kill(os.getpid(), signal.SIGUSR1)
        print(where, flush=True)

    def on_start(self):
        self._ring("on_start")

    def on_idle(self):
        self._ring("on_idle")

    def post_task(self, result):
        self._ring("post_task")

    def on_shutdown(self):
        self._ring("on_shutdown")


class OwnMessage(TaskWorker):
    """Makes the message for post_task itself."""

    def get_finished_message(self, raw_result, message, time_started):
        return {"raw": str(raw_result), "uuid": message["uuid"], "started": time_started > 0}

    def post_task(self, result):
        print("post_task", sorted(result.items()))
