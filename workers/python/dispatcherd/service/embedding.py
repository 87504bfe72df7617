"""What those parts of the service say that are in the daemon: their names can be imported, and nothing be made of them."""

from __future__ import annotations


def in_daemon(part: object, instead: str) -> RuntimeError:
    """Return the error for who makes a part of the service in Python; `instead` says what to do."""
    return RuntimeError(
        "%s is a part of the dispatcherd daemon, which dispatcherd.run_service() starts, and cannot be made in Python: %s"
        % (type(part).__name__, instead))
