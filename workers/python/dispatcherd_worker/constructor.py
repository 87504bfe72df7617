"""Which named arguments the constructor of the project's worker class takes."""

import inspect

ALWAYS_ACCEPTED = ("idle_timeout", "task_signal_handling")
"""Arguments of the original's own workers: never an error, and no word about one that is not taken."""

_RUNTIMES_OWN = ("worker_id", "message_queue", "finished_queue")


def taken(cls, kwargs):
    """Return the items of `kwargs` that `cls` can be constructed with.

    `idle_timeout` is one of them in any case: the runtime itself obeys it. Where the constructor
    takes anything (`**options`), `task_signal_handling` is given only if a class that `cls`
    derives from names it: it would reach the library's class, which may not know it.
    """
    named, anything = _parameters(cls)
    chosen = {}
    for key, value in kwargs.items():
        if key in _RUNTIMES_OWN:
            continue
        if key in named or key == "idle_timeout" or (anything and _passes(cls, key)):
            chosen[key] = value
    return chosen


def arguments(cls, worker_id, idle_timeout, queues, kwargs):
    """Return what the constructor is called with; idle_timeout (seconds) only where it is taken."""
    chosen = dict(kwargs, worker_id=worker_id, message_queue=queues, finished_queue=queues)
    named, anything = _parameters(cls)
    if "idle_timeout" in named or (idle_timeout and anything):
        chosen["idle_timeout"] = idle_timeout
    return chosen


def _passes(cls, key):
    """Tell whether a constructor that takes anything is to be given the argument."""
    if key != "task_signal_handling":
        return True
    return any(key in _parameters(base)[0] for base in cls.__mro__ if base is not object)


def _parameters(cls):
    """Return (the names that may be given by name, whether any other may be given, too)."""
    parameters = inspect.signature(cls).parameters.values()
    named = {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    return named, any(p.kind is p.VAR_KEYWORD for p in parameters)
