"""Where the daemon's program is."""

from __future__ import annotations

import os
import sys
from typing import Iterator

VARIABLE = "DISPATCHERD_PROGRAM"
NAME = "dispatcherd"
PACKAGED = "/usr/bin/dispatcherd"

_OURS = b"dispatcherd.cli"  # what a script has in it that pip has made for this library, or for the original
_BEGINNING = 4096


def find() -> str:
    """Return the path of the daemon's program.

    It is what $DISPATCHERD_PROGRAM names, else the first `dispatcherd` on PATH that is not this
    library's own script, else /usr/bin/dispatcherd. Raises RuntimeError when there is none.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not _is_executable(named):
            raise RuntimeError("%s names %s, which is no program that can be executed" % (VARIABLE, named))
        return os.path.abspath(named)
    for path in _candidates():
        if _is_executable(path) and not _is_script_of_the_library(path):
            return path
    raise RuntimeError(
        "the program of the dispatcherd daemon was not found: it is neither on PATH nor %s; "
        "install it, or name it in the variable %s" % (PACKAGED, VARIABLE))


def _candidates() -> Iterator[str]:
    for directory in os.get_exec_path():
        yield os.path.abspath(os.path.join(directory, NAME))
    yield PACKAGED


def _is_executable(path: str) -> bool:
    return os.path.isfile(path) and os.access(path, os.X_OK)


def _is_script_of_the_library(path: str) -> bool:
    """Tell whether executing the file would lead here again."""
    if os.path.realpath(path) == os.path.realpath(sys.argv[0] or "."):
        return True
    try:
        with open(path, "rb") as stream:
            beginning = stream.read(_BEGINNING)
    except OSError:  # a program that may be executed and not read
        return False
    return beginning.startswith(b"#!") and _OURS in beginning
