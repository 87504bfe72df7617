"""Names of tasks, and the code they stand for."""

import enum
import importlib

MODULE_METHOD_DELIMITER = "."


class DuplicateBehavior(enum.Enum):
    """What happens to a task while one with the same name and arguments waits or runs."""

    parallel = "parallel"  # both run
    discard = "discard"  # the new one is dropped
    serial = "serial"  # the new one waits
    queue_one = "queue_one"  # one may wait, more are dropped


def resolve_callable(task):
    """Import what a task's name stands for: "module.name", or the text of a lambda.

    Returns None when the module has no such name. Raises RuntimeError for a name without a dot,
    and whatever the import or the evaluation raises. Text that begins with "lambda" is evaluated:
    check first whether it may be.
    """
    if task.startswith("lambda") and not _is_dotted(task):
        return eval(task)  # the caller has asked for code to run
    module, dot, name = task.rpartition(MODULE_METHOD_DELIMITER)
    if not dot:
        raise RuntimeError("%r is not the dotted name of a task" % task)
    return getattr(importlib.import_module(module), name, None)


def serialize_task(f):
    """Return the name that `resolve_callable` finds the function or class by."""
    return MODULE_METHOD_DELIMITER.join((f.__module__, f.__name__))


def _is_dotted(text):
    return "." in text and all(part.isidentifier() for part in text.split("."))
