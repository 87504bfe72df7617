"""The project's worker class: which of its methods are its own, and when they are called."""

import logging
import os
import time

from . import constructor, failures

_LOGGER = "dispatcherd.worker.task"
_TELLING_ALL = ("run_callable", "perform_work")


class HookFailed(Exception):
    """A method of the worker class raised; the text names the method and the error."""


class Hooks:
    """The hooks of a worker without a class: none. An absent one costs a task nothing."""

    idle_timeout = 0
    registry = None
    pre_task = None  # (message), may be cancelled; what it raises is reported, and the task runs
    run = None  # (message) -> result, of one task
    perform = None  # (message) -> result, of a task with its callbacks
    produce_binder = None  # (message) -> first argument of a bound task
    after_task = None  # (message, result, failure, started, stopping) -> whether to leave
    should_exit = None  # () -> whether to leave

    def on_idle(self):
        """Nothing came for the idle timeout."""

    def on_shutdown(self):
        """The worker is about to leave."""


class Custom(Hooks):
    """The hooks of an instance of the project's class."""

    def __init__(self, cls, worker_id, idle_timeout, kwargs, queues, library, find, call):
        """Construct `cls`, with `kwargs` among its arguments; raises HookFailed.

        `find(name)` applies the policy to a task's name, `call(message)` runs a task.
        """
        self._library = library
        self._find = find
        self._call = call
        self._message = self._failure = self._finished = None
        try:
            self._base = library.base_class()
            self._worker = cls(**constructor.arguments(cls, worker_id, idle_timeout, queues, kwargs))
        except BaseException as exc:
            raise _failed("construct %s" % cls.__name__, exc) from None
        self._worker_id = worker_id
        self.idle_timeout = _seconds(getattr(self._worker, "idle_timeout", idle_timeout))
        self.registry = getattr(self._worker, "registry", None)
        self._enter_task_mode = self._own("enter_task_mode")
        self._pre_task = self._own("pre_task")
        if self._pre_task or self._enter_task_mode:
            self.pre_task = self._before_task
        self.produce_binder = self._own("produce_binder")
        self._should_exit = self._own("should_exit")
        if self._should_exit:
            self.should_exit = self._asks_to_exit
        self._choose_perform()
        self._enter_idle_mode = self._own("enter_idle_mode")
        self._get_finished_message = self._own("get_finished_message")
        self._get_uuid = self._own("get_uuid")
        self._post_task = self._own("post_task")
        if self.perform or self._enter_idle_mode or self._get_finished_message or self._post_task:
            self.after_task = self._after_task

    def on_start(self):
        """Call the class's on_start, and ask for its word that it is ready; raises HookFailed.

        That word goes nowhere, as the last one: the runtime has its own.
        """
        self._call_hook("on_start")
        self._call_hook("get_ready_message")

    def on_idle(self):
        """Call the class's on_idle; raises HookFailed."""
        self._call_hook("on_idle")

    def on_shutdown(self):
        """Call the class's on_shutdown, and ask for its last word; raises HookFailed."""
        self._call_hook("on_shutdown")
        self._call_hook("get_shutdown_message")

    def _own(self, name):
        """Return the bound method if the class has one that is not the library's, else None."""
        method = getattr(self._worker, name, None)
        if getattr(type(self._worker), name, None) is getattr(self._base, name, method):
            return None
        return method

    def _call_hook(self, name, *args):
        method = self._own(name)
        if method is None:
            return None
        try:
            return method(*args)
        except BaseException as exc:
            raise _failed(name, exc) from None

    def _choose_perform(self):
        """Take the class's way to run a task, if it has one, and see through it what happens."""
        perform_work, self._run_callable = self._own("perform_work"), self._own("run_callable")
        if not perform_work and not self._run_callable:
            return
        # The original's methods log args and kwargs; the runtime reports failures without them.
        logging.getLogger(_LOGGER).addFilter(lambda record: record.funcName not in _TELLING_ALL)
        if self._run_callable:
            self.run = self._run_own
        if perform_work:
            self._worker.run_callable = self._watch
            self._perform_work = perform_work
            self.perform = self._perform

    def _run_own(self, message):
        """Run a task by the class's run_callable, if the policy lets it run."""
        self._find(message.get("task"))
        result = self._run_callable(message)
        if type(result) is str and result == "<cancel>":  # how the original's says it
            raise self._library.Cancel("the task was cancelled")
        return result

    def _perform(self, message):
        """Run a task by the class's perform_work; raise what its callable raised, though that was caught."""
        self._forget_parent()
        self._message, self._failure, self._finished = message, None, None
        self._finished = self._perform_work(message)
        if self._failure is not None:
            raise self._failure
        return self._finished.get("result") if type(self._finished) is dict else None

    def _watch(self, message):
        """Stand in for run_callable under perform_work: note how the task itself ended."""
        failure = None
        try:
            return (self.run or self._call)(message)
        except self._library.Cancel as exc:
            failure = exc
            return "<cancel>"
        except BaseException as exc:
            failure = exc
            raise
        finally:
            if message is self._message:
                self._failure = failure

    def _before_task(self, message):
        if self._enter_task_mode:
            self._enter_task_mode()
        if self._pre_task:
            self._pre_task(message)

    def _after_task(self, message, result, failure, started, stopping):
        """Call what follows a task; return whether the class says that it stops."""
        self._call_hook("enter_idle_mode")
        finished = self._finished
        if type(finished) is not dict:
            finished = self._finished_message(message, result, failure, started, stopping)
        self._finished = self._failure = self._message = None
        self._call_hook("post_task", finished)
        return bool(type(finished) is dict and finished.get("is_stopping"))

    def _finished_message(self, message, result, failure, started, stopping):
        """Return what post_task is given: the message that the original's worker would send."""
        if failure is not None and issubclass(type(failure), self._library.Cancel):
            result, failure = "<cancel>", None
        if self._get_finished_message:
            raw = result if failure is None or issubclass(type(failure), self._library.Exit) else failure
            return self._call_hook("get_finished_message", raw, message, started)
        uuid = self._call_hook("get_uuid", message) if self._get_uuid else message.get("uuid", "<unknown>")
        finished = {
            "worker": self._worker_id, "event": "done", "result": result,
            "uuid": uuid, "time_started": started, "time_finish": time.time(),
        }
        if stopping:
            finished["is_stopping"] = True
        return finished

    def _asks_to_exit(self):
        self._forget_parent()
        return bool(self._call_hook("should_exit"))

    def _forget_parent(self):
        """Keep the original's orphan check quiet: a worker outlives what started it."""
        if hasattr(self._worker, "ppid"):
            self._worker.ppid = os.getppid()


def _failed(name, exc):
    failures.print_traceback(exc)
    return HookFailed("%s: %s" % (name, failures.describe(exc)))


def _seconds(value):
    """Return a positive number of seconds, 0 for anything else."""
    return value if type(value) in (int, float) and value > 0 else 0
