"""Python's logging in a worker: records become frames, so that level and logger are not lost."""

import json
import logging
import os
import sys
import threading

from . import frames

MAX_BODY = 32000
"""The longest body of a log frame in bytes: the kernel takes it whole or not at all."""

_LEVELS = ((logging.CRITICAL, "critical"), (logging.ERROR, "error"), (logging.WARNING, "warning"), (logging.INFO, "info"))
# Bound once: a task may replace functions of these modules.
_getpid = os.getpid
_thread = threading.get_ident
_dumps = json.dumps


def relay(channel, interrupts):
    """Send the records that no handler of the project's takes to the daemon, by `channel`.

    Python itself asks the handler of last resort for each record whether there is any other, so
    that one which the project sets up later is not doubled either, and `logging.basicConfig` works.
    A project that has put something else there, or None, keeps it.
    """
    if logging.lastResort is getattr(logging, "_defaultLastResort", None):
        logging.lastResort = Handler(channel, interrupts)


class Handler(logging.Handler):
    """Sends each record, with its traceback, as one log frame; what cannot be sent is printed."""

    def __init__(self, channel, interrupts):
        """Take records of every level: which ones there are is for the project's loggers to say."""
        super().__init__()
        self._channel = channel
        self._interrupts = interrupts
        self._main = _thread()

    def emit(self, record):
        """Send `record`, or print it where that is not possible: in a child process, for one.

        In the main thread a cancel waits for it: what catches every Exception, as a handler of
        Python's logging has to, would swallow it.
        """
        ours = _getpid() == self._channel.pid
        if ours and _thread() == self._main:
            self._interrupts.shielded(self._tell, record, ours)
        else:
            self._tell(record, ours)

    def _tell(self, record, ours):
        try:
            text = self.format(record)
            body = encode(level_name(record.levelno), record.name, text)
        except Exception:  # the record's arguments do not fit, or raise
            self.handleError(record)
            return
        if not ours or not self._channel.offer(frames.LOG, body):
            _print(record.levelname, record.name, text)


def tell(channel, level, logger, text):
    """Send a record of the runtime's about a task, or print it where that is not possible."""
    if not channel.offer(frames.LOG, encode(level, logger, text)):
        _print(level.upper(), logger, text)


def level_name(number):
    """Return the name of the highest of the usual levels that `number` reaches."""
    for least, name in _LEVELS:
        if number >= least:
            return name
    return "debug"


def encode(level, logger, text):
    """Return the body of a log frame, of at most MAX_BODY bytes."""
    logger = shorten(logger, 200)
    limit = MAX_BODY
    while True:
        said = {"level": level, "logger": logger, "message": shorten(text, limit)}
        body = _dumps(said, separators=(",", ":")).encode("ascii")
        if len(body) <= MAX_BODY:
            return body
        limit = limit * MAX_BODY // len(body) * 9 // 10


def shorten(text, limit):
    """Return `text`, without its middle where it is longer than `limit` characters."""
    if len(text) <= limit:
        return text
    head = limit // 4
    tail = limit - head
    return "%s\n... %d characters are left out ...\n%s" % (text[:head], len(text) - limit, text[len(text) - tail:])


def _print(level, logger, text):
    try:
        print("%s:%s:%s" % (level, logger, shorten(text, MAX_BODY)), file=sys.stderr, flush=True)
    except Exception:  # the task's own stderr, or none
        pass
