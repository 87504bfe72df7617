"""Names of tasks, and the code they stand for."""

from __future__ import annotations

import enum
import importlib
from typing import Any, Callable, Optional, Protocol, Type, Union, runtime_checkable

MODULE_METHOD_DELIMITER = "."


@runtime_checkable
class RunnableClass(Protocol):
    """A class that can be a task: it is constructed without arguments, and `run` is called."""

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the task's work."""


DispatcherCallable = Union[Callable[..., Any], Type[RunnableClass]]
"""What can be a task: a function, or a class with a `run` method."""


class DuplicateBehavior(enum.Enum):
    """What happens to a task while one with the same name and arguments waits or runs."""

    parallel = "parallel"  # both run
    discard = "discard"  # the new one is dropped
    serial = "serial"  # the new one waits
    queue_one = "queue_one"  # one may wait, more are dropped


def resolve_callable(task: str) -> Optional[Callable[..., Any]]:
    """Import what a task's name stands for: "module.name", or the text of a lambda.

    Returns None when the module has no such name. Raises RuntimeError for a name without a dot,
    and whatever the import or the evaluation raises. Text that begins with "lambda" is evaluated:
    check first whether it may be.
    """
    if task.startswith("lambda") and not _is_dotted(task):
        found: Callable[..., Any] = eval(task)  # the caller has asked for code to run
        return found
    module, dot, name = task.rpartition(MODULE_METHOD_DELIMITER)
    if not dot:
        raise RuntimeError("%r is not the dotted name of a task" % task)
    return getattr(importlib.import_module(module), name, None)


def serialize_task(f: Any) -> str:
    """Return the name that `resolve_callable` finds the function or class by."""
    return MODULE_METHOD_DELIMITER.join((f.__module__, f.__name__))


def _is_dotted(text: str) -> bool:
    return "." in text and all(part.isidentifier() for part in text.split("."))
