"""The base of worker classes: a project derives from it to hook into the life of a worker."""

from __future__ import annotations

import logging
import os
import signal
import time
from typing import Any, Dict, List, Optional

from ..registry import DispatcherMethodRegistry
from ..registry import registry as default_registry
from .exceptions import DispatcherCancel, DispatcherExit

__all__ = ["DispatcherBoundMethods", "DispatcherCancel", "DispatcherExit", "TaskWorker", "WorkerSignalHandler"]

logger = logging.getLogger(__name__)

Message = Dict[str, Any]


class WorkerSignalHandler:
    """What the signals of a worker do: SIGUSR1 cancels, SIGTERM and SIGINT end it, a running task at once."""

    def __init__(self, worker_id: int) -> None:
        """Install the handlers for a worker that is idle; only the main thread can."""
        self.worker_id = worker_id
        self.kill_now = False
        self.enter_idle_mode()

    def task_cancel(self, *_args: Any) -> None:
        """Raise DispatcherCancel in the task."""
        raise DispatcherCancel

    def exit_gracefully(self, *_args: Any) -> None:
        """Make the worker leave before its next task."""
        logger.info("Worker %s is asked to leave by a signal", self.worker_id)
        self.kill_now = True

    def enter_idle_mode(self) -> None:
        """Install the handlers that hold between tasks."""
        signal.signal(signal.SIGUSR1, self.task_cancel)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.exit_gracefully)

    def enter_task(self) -> None:
        """Install the handlers that hold in a task, which may set its own for SIGINT and SIGTERM."""
        signal.signal(signal.SIGUSR1, self.task_cancel)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)


class DispatcherBoundMethods:
    """The first argument of a bound task that a worker class runs by its own `run_callable`."""

    def __init__(self, worker_id: int, message: Message, message_queue: Any, finished_queue: Any) -> None:
        """`uuid` is the task's, "<unknown>" without one."""
        self.worker_id = worker_id
        self.uuid = message.get("uuid", "<unknown>")
        self.message_queue = message_queue
        self.finished_queue = finished_queue

    def control(self, command: str, data: Optional[Dict[str, Any]] = None) -> Dict[str, Any]:
        """Run a control command in the service and return its result; waits for it."""
        request = {"worker": self.worker_id, "event": "control", "command": command}
        if data:
            request["control_data"] = data
        self.finished_queue.put(request)
        reply: Dict[str, Any] = self.message_queue.get()
        return reply


class TaskWorker:
    """A worker. What a class does not override, the daemon's workers do by themselves, and faster."""

    def __init__(
        self,
        worker_id: int,
        message_queue: Any,
        finished_queue: Any,
        registry: DispatcherMethodRegistry = default_registry,
        idle_timeout: float = 0,
    ) -> None:
        """Called in the worker's process. `idle_timeout` is in seconds, 0 means none."""
        self.worker_id = worker_id
        self.message_queue = message_queue
        self.finished_queue = finished_queue
        self.registry = registry
        self.idle_timeout = idle_timeout
        self.ppid = os.getppid()
        self.pid = os.getpid()
        self.signal_handler = WorkerSignalHandler(worker_id)
        self.exit_after_current_task = False

    def on_start(self) -> None:
        """Called once before the first task; an exception ends the worker."""

    def on_idle(self) -> None:
        """Called whenever no task has come for `idle_timeout`; an exception ends the worker."""

    def pre_task(self, message: Message) -> None:
        """Called before each task with its message; an exception is reported and the task runs."""

    def post_task(self, result: Message) -> None:
        """Called after each task with a dict: `uuid`, `result` and times; an exception ends the worker."""

    def on_shutdown(self) -> None:
        """Called once before the worker leaves."""

    def enter_task_mode(self) -> None:
        """Called before `pre_task`: sets the signals for a task."""
        self.signal_handler.enter_task()

    def enter_idle_mode(self) -> None:
        """Called after the task, before `post_task`: sets the signals of an idle worker."""
        self.signal_handler.enter_idle_mode()

    def should_exit(self) -> bool:
        """Return whether the worker is to leave; asked before each task."""
        if os.getppid() != self.ppid:
            logger.error("Worker %s leaves: what has started it is gone", self.worker_id)
        return self._worker_is_stopping()

    def _worker_is_stopping(self) -> bool:
        return self.signal_handler.kill_now or self.exit_after_current_task or os.getppid() != self.ppid

    def get_uuid(self, message: Message) -> Any:
        """Return the uuid of a message."""
        return message.get("uuid", "<unknown>")

    def produce_binder(self, message: Message) -> Any:
        """Return the first argument of a bound task."""
        return DispatcherBoundMethods(self.worker_id, message, self.message_queue, self.finished_queue)

    def run_callable(self, message: Message) -> Any:
        """Import what the message names and call it; return its result, "<cancel>" if it was cancelled."""
        method = self.registry.get_method(message["task"])
        args: List[Any] = list(message.get("args", ()))
        if method.bind or message.get("bind") is True:
            args.insert(0, self.produce_binder(message))
        try:
            return method.get_callable()(*args, **message.get("kwargs", {}))
        except DispatcherCancel:
            logger.exception("Worker %s: task was cancelled (uuid=%s)", self.worker_id, self.get_uuid(message))
            return "<cancel>"

    def perform_work(self, message: Message, *, _reset_exit_state: bool = True) -> Message:
        """Run the task, then its callbacks; return the dict that `post_task` gets."""
        if _reset_exit_state:
            self.exit_after_current_task = False
        started = time.time()
        follow = ["callbacks"]
        result: Any = None
        try:
            result = self.run_callable(message)
        except DispatcherExit as exc:
            self.exit_after_current_task = True
            result = exc.result
        except Exception as exc:
            result = exc
            follow.insert(0, "errbacks")
            logger.exception("Worker %s: task %s failed (uuid=%s)",
                             self.worker_id, message.get("task"), self.get_uuid(message))
        for key in follow:
            for callback in message.get(key) or ():
                if not self._worker_is_stopping():
                    TaskWorker.perform_work(self, {**callback, "uuid": self.get_uuid(message)}, _reset_exit_state=False)
        finished = self.get_finished_message(result, message, started)
        if self._worker_is_stopping():
            finished["is_stopping"] = True
        return finished

    def get_finished_message(self, raw_result: Any, message: Message, time_started: float) -> Message:
        """Return the dict for `post_task`; a result that is not None, list, dict, int or str counts as none."""
        keep = type(raw_result) in (type(None), list, dict, int, str)
        if not keep and not isinstance(raw_result, Exception):
            logger.info("A result of type %s is dropped (uuid=%s)", type(raw_result).__name__, self.get_uuid(message))
        return {
            "worker": self.worker_id,
            "event": "done",
            "result": raw_result if keep else None,
            "uuid": self.get_uuid(message),
            "time_started": time_started,
            "time_finish": time.time(),
        }

    def get_ready_message(self) -> Message:
        """Return what a worker says when it is ready."""
        return {"worker": self.worker_id, "event": "ready"}

    def get_shutdown_message(self) -> Message:
        """Return what a worker says when it leaves."""
        return {"worker": self.worker_id, "event": "shutdown"}
