"""How an exception is told: one line for the daemon, and the traceback."""

import os
import sys
import traceback

from . import results

_MAX_ERROR = 1000
_HOME = os.path.dirname(os.path.abspath(__file__)) + os.sep


def one_line(text, limit=_MAX_ERROR):
    """Return `text` as one line of at most `limit` characters."""
    text = " ".join(text[:4 * limit].split())
    return text if len(text) <= limit else text[:limit - 1] + "…"


def describe(exc):
    """Return "Type: message" on one line, of at most 1000 characters; never raises."""
    name = results.type_name(exc)
    try:
        text = str(exc)
    except BaseException:  # __str__ is the task's code
        text = "(its text cannot be read)"
    return one_line("%s: %s" % (name, text) if text else name)


def narrate(exc):
    """Return the traceback, from the first line that is not the runtime's; never raises.

    No arguments and no variables are in it: they hold secrets.
    """
    try:
        trace = exc.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HOME):
            trace = trace.tb_next
        if trace is not None and not getattr(exc, "is_awx_task_error", False):
            return "".join(traceback.format_exception(type(exc), exc, trace)).rstrip("\n")
    except BaseException:  # an exception whose methods raise
        pass
    return describe(exc)


def print_traceback(exc):
    """Print the traceback on stderr; never raises."""
    try:
        print(narrate(exc), file=sys.stderr)
    except BaseException:  # a broken stderr
        pass


def flush():
    """Flush what the task has printed; return False when stdout or stderr is unusable."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
        # fcntl(F_GETFD), the cheapest question whether a descriptor is open.
        os.get_inheritable(1)
        os.get_inheritable(2)
        return True
    except Exception:
        return False
