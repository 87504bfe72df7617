"""The frames between the daemon and a worker: a header of 16 bytes, then a body."""

import struct

VERSION = 1
"""Version of the frames, told to the daemon in the hello frame."""

HEADER = struct.Struct("<IBBHQ")
"""Length of the body in bytes, kind (an ASCII letter), two fields of zero, sequence number."""

DONE_HEAD = struct.Struct("<BBHIdd")
"""How the body of a done frame begins: outcome, flags, zero, length of the error text in bytes,
Unix times in seconds at which the task began and ended. Error text and result follow."""

USAGE = struct.Struct("<ddQQQQQ")
"""What may follow it: CPU seconds of the process and the children that it has waited for, at the
task's begin and end; the largest resident set; bytes read from block devices at begin and end, and
bytes written. The counters began with the process."""

_DONE = struct.Struct(HEADER.format + DONE_HEAD.format[1:])
_DONE_WITH_USAGE = struct.Struct(_DONE.format + USAGE.format[1:])

SUCCEEDED, FAILED, CANCELLED = 1, 2, 3
"""Outcomes of a task."""

LEAVES = 1
"""Flag of a done frame: the worker leaves after this task."""

MEASURED = 2
"""Flag of a done frame: a usage follows the head."""

MORE = 4
"""Flag of a done frame: the usage is not all of it, since other processes are in the worker's cgroup
or its memory has grown."""

BEGINS = 8
"""Flag of a done frame: the worker begins the next of the tasks that it was handed ahead."""

EVERY_TASK = (1 << 64) - 1
"""Sequence number of the supervisor's frames, which it sends when there is no daemon: a cancel with
it means whatever the worker has, not one task."""

NO_REQUEST = 0
"""Sequence number of the reply that another daemon than before sends when it does not know of a request."""

MAX_BODY = 256 << 20
"""The longest body, in bytes, that either side accepts."""

# daemon -> worker
TASK = ord("T")
CANCEL = ord("C")
REPLY = ord("R")
STOP = ord("S")

# worker -> daemon
HELLO = ord("H")
DONE = ord("D")
REQUEST = ord("Q")
LOG = ord("L")
LEAVING = ord("X")


def encode(kind, seq, body=b""):
    """Return the bytes of one frame; `body` is bytes, `seq` fits 64 bits without a sign."""
    return HEADER.pack(len(body), kind, 0, 0, seq) + body


def done(seq, outcome, flags, started, finished, error="", result=b"", usage=None):
    """Return the bytes of a done frame; `result` is JSON text, nothing stands for null.

    `flags` are LEAVES and BEGINS, `usage` is (whether there is more, then the fields of `USAGE`).
    """
    text = error.encode("utf-8", "backslashreplace") if error else b""
    length = DONE_HEAD.size + len(text) + len(result)
    if usage is None:
        head = _DONE.pack(length, DONE, 0, 0, seq, outcome, flags, 0, len(text), started, finished)
    else:
        flags |= MEASURED | MORE if usage[0] else MEASURED
        head = _DONE_WITH_USAGE.pack(
            length + USAGE.size, DONE, 0, 0, seq, outcome, flags, 0, len(text), started, finished, *usage[1:])
    return head + text + result
