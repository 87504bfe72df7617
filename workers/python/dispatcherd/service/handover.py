"""How the daemon is given the settings: as JSON in memory, with the Python that its workers need.

Settings may hold a database password. They are in no argument, no environment and no file system.
"""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import sys
import tempfile
import threading
from typing import IO, Any, Dict, List, Tuple

from ..config import settings as global_settings
from . import child, program

_SECTION = "dispatcherd"  # of the settings, with the keys that the daemon has and the original has not

_FOR_PUBLISHERS = ("_factory", "_connection", "context")
"""Endings of keys below `brokers` whose live objects only a publisher can use: the daemon connects by itself."""

_LEVELS = ((logging.DEBUG, "debug"), (logging.INFO, "info"), (logging.WARNING, "warning"))


def run_daemon(settings: Any = global_settings) -> None:
    """Replace this process by the daemon, or wait for it where there are threads; see `dispatcherd.run_service`."""
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("run_service() replaces the process, and must be called in its main thread")
    path = program.find()
    file, descriptors = settings.daemon_file, []
    if file is None:
        descriptors = [settings_in_memory(settings)]
        file = in_memory(descriptors[0])
    command = arguments(path, file)
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # as it is where the descriptor was closed
            stream.flush()
    if threading.active_count() > 1:
        child.run(command, descriptors)
    else:
        _become(command, descriptors)


def _become(command: List[str], descriptors: List[int]) -> None:
    """Replace this process by the program; it inherits the descriptors."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores, and the daemon would, too
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execv(command[0], command)
    except OSError as exc:
        raise RuntimeError("execute %s: %s" % (command[0], exc.strerror)) from None


def arguments(path: str, file: str) -> List[str]:
    """Return the command line of a daemon that reads the file."""
    return [path, "--config", file, "--log-level", _log_level()]


def in_memory(descriptor: int) -> str:
    """Return the path by which a process finds an inherited file that has none."""
    return "/proc/self/fd/%d" % descriptor


def settings_in_memory(settings: Any) -> int:
    """Return a descriptor of a file in memory that holds the settings; raises TypeError as `document` does."""
    text = json.dumps(document(settings)).encode("ascii")
    with _nameless_file() as stream:
        stream.write(text)
        stream.flush()
        return os.dup(stream.fileno())


def _nameless_file() -> IO[bytes]:
    """Return a file in memory, or where Python has been built without them, one that has no name."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("dispatcherd.yml"), "wb")
    return tempfile.TemporaryFile()


def document(settings: Any) -> Dict[str, Any]:
    """Return the settings as the daemon reads them: what JSON has, and this interpreter for the workers.

    Live objects that only a publisher can use, such as connections and their factories, are left
    out. Raises TypeError that names the key of any other value which is no JSON.
    """
    whole: Dict[str, Any] = _plain(settings.serialize(), ())
    own = whole.setdefault(_SECTION, {})
    worker = own["worker"] = dict(own.get("worker") or {})
    worker.setdefault("python", sys.executable)
    worker.setdefault("pythonpath", _python_path())
    return whole


def _python_path() -> List[str]:
    """Return sys.path with absolute entries, each once."""
    return list(dict.fromkeys(os.path.abspath(entry) for entry in sys.path))


def _plain(value: Any, key: Tuple[str, ...]) -> Any:
    """Return a copy of the value made of what JSON has."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, (list, tuple)):
        return [_plain(item, key + (str(index),)) for index, item in enumerate(value)]
    if isinstance(value, dict):
        return {name: _plain(item, key + (_name(name, key),))
                for name, item in value.items() if not _is_for_publishers(item, key + (_name(name, key),))}
    what = "is not finite" if isinstance(value, float) else "is a %s" % type(value).__name__
    raise TypeError("settings: %s %s, which the daemon cannot be given: use what JSON has" % (".".join(key), what))


def _name(name: Any, key: Tuple[str, ...]) -> str:
    if isinstance(name, str):
        return name
    raise TypeError("settings: a key of %s is a %s: keys must be strings" % (".".join(key) or "the file", type(name).__name__))


def _is_for_publishers(value: Any, key: Tuple[str, ...]) -> bool:
    live = value is not None and not isinstance(value, (str, bool, int, float, list, tuple, dict))
    return live and key[0] == "brokers" and key[-1].endswith(_FOR_PUBLISHERS)


def _log_level() -> str:
    """Return the daemon's level: that of the logger `dispatcherd`, "info" where logging is not configured."""
    logger = logging.getLogger("dispatcherd")
    if not logger.hasHandlers():
        return "info"
    for number, name in _LEVELS:
        if logger.isEnabledFor(number):
            return name
    return "error"
