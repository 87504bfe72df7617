"""The daemon as a child, where the process that starts it has other threads: becoming it would end them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any, List, Optional, Sequence

_HANDED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

# Run in the child, which then becomes the daemon: should the parent be killed, the daemon gets SIGTERM.
_STARTER = """\
import os, signal, sys
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, int(signal.SIGTERM), 0, 0, 0)  # PR_SET_PDEATHSIG
except ImportError:
    pass  # a Python without ctypes
if os.getppid() != int(sys.argv[1]):
    sys.exit("the process that starts the daemon is gone")
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as exc:
    sys.exit("execute %s: %s" % (sys.argv[2], exc.strerror))
"""


def run(arguments: Sequence[str], descriptors: Sequence[int]) -> None:
    """Run the daemon with the command line `arguments` until it ends; it takes over `descriptors`.

    SIGTERM and SIGINT of this process are handed on, and SIGHUP unless it is ignored, as by nohup.
    Raises SystemExit with the daemon's exit code unless that is 0, and 128 more than the signal
    where one has killed it.
    """
    code = _Daemon().run(arguments, descriptors)
    if code:
        raise SystemExit(code if code > 0 else 128 - code)


class _Daemon:
    """The daemon's process, in a session of its own: a signal to the whole group reaches it once, from here."""

    def __init__(self) -> None:
        self._process: Optional[subprocess.Popen[bytes]] = None
        self._early: List[int] = []  # signals that came before there was a process

    def run(self, arguments: Sequence[str], descriptors: Sequence[int]) -> int:
        heard = [number for number in _HANDED_ON if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
        before = [(number, signal.signal(number, self._hand_on)) for number in heard]
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-ISc", _STARTER, str(os.getpid()), *arguments], pass_fds=descriptors, start_new_session=True)
            for descriptor in descriptors:
                os.close(descriptor)
            for number in self._early:
                self._process.send_signal(number)
            return self._process.wait()
        finally:
            for number, handler in before:
                signal.signal(number, handler)

    def _hand_on(self, number: int, frame: Any) -> None:
        if self._process is not None:
            self._process.send_signal(number)
        elif number != signal.SIGHUP:  # what starts reads its configuration anyway
            self._early.append(number)
