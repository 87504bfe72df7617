"""Exceptions that mean something to the worker."""

from __future__ import annotations

from typing import Any


class DispatcherCancel(Exception):
    """Raised inside a task that is cancelled or has reached its timeout."""


class DispatcherExit(Exception):
    """Raised by a task that is done, and wants its worker to be replaced by a new one."""

    def __init__(self, result: Any = "<exit>") -> None:
        """`result` is the task's result."""
        super().__init__(result)
        self.result = result
