"""Exceptions that mean something to the worker."""


class DispatcherCancel(Exception):
    """Raised inside a task that is cancelled or has reached its timeout."""


class DispatcherExit(Exception):
    """Raised by a task that is done, and wants its worker to be replaced by a new one."""

    def __init__(self, result="<exit>"):
        """`result` is the task's result."""
        super().__init__(result)
        self.result = result
