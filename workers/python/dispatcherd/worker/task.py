"""The base of worker classes: a project derives from it to hook into the life of a worker."""

import time

from ..registry import registry as default_registry
from .exceptions import DispatcherCancel, DispatcherExit

__all__ = ["DispatcherBoundMethods", "DispatcherCancel", "DispatcherExit", "TaskWorker"]


class DispatcherBoundMethods:
    """The first argument of a bound task that a worker class runs by its own `run_callable`."""

    def __init__(self, worker_id, message, message_queue, finished_queue):
        self.worker_id = worker_id
        self.uuid = message.get("uuid", "<unknown>")
        self.message_queue = message_queue
        self.finished_queue = finished_queue

    def control(self, command, data=None):
        """Run a control command in the service and return its result; waits for it."""
        request = {"worker": self.worker_id, "event": "control", "command": command}
        if data:
            request["control_data"] = data
        self.finished_queue.put(request)
        return self.message_queue.get()


class TaskWorker:
    """A worker. What a class does not override, the worker runtime does by itself, and faster."""

    def __init__(self, worker_id, message_queue, finished_queue, registry=default_registry, idle_timeout=0):
        """Called in the worker's process. `idle_timeout` is in seconds, 0 means none."""
        self.worker_id = worker_id
        self.message_queue = message_queue
        self.finished_queue = finished_queue
        self.registry = registry
        self.idle_timeout = idle_timeout

    def on_start(self):
        """Called once before the first task; an exception ends the worker."""

    def on_idle(self):
        """Called whenever no task has come for `idle_timeout`; an exception ends the worker."""

    def pre_task(self, message):
        """Called before each task with its message; an exception is reported and the task runs."""

    def post_task(self, result):
        """Called after each task with a dict: `uuid`, `result` and times; an exception ends the worker."""

    def on_shutdown(self):
        """Called once before the worker leaves."""

    def enter_task_mode(self):
        """Called before `pre_task`. Signals are the runtime's business."""

    def enter_idle_mode(self):
        """Called after the task, before `post_task`."""

    def should_exit(self):
        """Return whether the worker is to leave; asked before each task."""
        return False

    def get_uuid(self, message):
        """Return the uuid of a message."""
        return message.get("uuid", "<unknown>")

    def produce_binder(self, message):
        """Return the first argument of a bound task."""
        return DispatcherBoundMethods(self.worker_id, message, self.message_queue, self.finished_queue)

    def run_callable(self, message):
        """Import what the message names and call it; return its result."""
        method = self.registry.get_method(message["task"])
        args = list(message.get("args", ()))
        if method.bind or message.get("bind") is True:
            args.insert(0, self.produce_binder(message))
        return method.get_callable()(*args, **message.get("kwargs", {}))

    def perform_work(self, message):
        """Run the task; return the dict that `post_task` gets. The runtime notes how the task ended."""
        started = time.time()
        result = None
        try:
            result = self.run_callable(message)
        except DispatcherExit as exc:
            result = exc.result
        except Exception:
            pass  # the runtime has seen it, and reports it
        return self.get_finished_message(result, message, started)

    def get_finished_message(self, raw_result, message, time_started):
        """Return the dict for `post_task`; an exception as result counts as none."""
        return {
            "worker": self.worker_id,
            "event": "done",
            "result": None if isinstance(raw_result, Exception) else raw_result,
            "uuid": self.get_uuid(message),
            "time_started": time_started,
            "time_finish": time.time(),
        }
