"""A dispatcherd daemon that a test starts, asks and ends."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from typing import Any, Dict, Optional

from ..config import DispatcherSettings
from ..control import Control
from ..service import handover, program

READY_SECONDS = 30.0
"""How long the daemon may take until it can run a task."""

_PACE = 0.02
_STOP_SECONDS = 5.0  # after each signal
_SIGNALS = (signal.SIGTERM, signal.SIGTERM, signal.SIGTERM, signal.SIGKILL)  # finish, cancel, kill
_TAIL = 2000


class Daemon:
    """A daemon as a child process.

    `pid` is its process, `socket_path` its control socket, `settings` what it was started with and
    `log_path` the file that its log goes to, both until `stop`.
    """

    def __init__(self, config: Dict[str, Any]) -> None:
        """Prepare a daemon with the settings `config`, and a control socket where they have none.

        Raises RuntimeError for another version than 2, or when there is no program, TypeError for
        settings that are no JSON.
        """
        self._program = program.find()
        self._directory = tempfile.mkdtemp(prefix="dispatcherd-")
        self.log_path = os.path.join(self._directory, "log")
        try:
            brokers = dict(config.get("brokers") or {})
            brokers.setdefault("socket", {"socket_path": os.path.join(self._directory, "socket")})
            self.socket_path = os.path.abspath(brokers["socket"]["socket_path"])
            self.settings = DispatcherSettings(dict(config, brokers=brokers))
            self._descriptor = handover.settings_in_memory(self.settings)
        except BaseException:
            shutil.rmtree(self._directory)
            raise
        self._process: Optional[subprocess.Popen[bytes]] = None

    @property
    def pid(self) -> int:
        """The process id; raises RuntimeError before `start`."""
        if self._process is None:
            raise RuntimeError("the daemon has not been started")
        return self._process.pid

    def start(self) -> None:
        """Start it and wait until it can run tasks; raises RuntimeError with the end of its log when it cannot."""
        try:
            with open(self.log_path, "wb") as log:
                self._process = subprocess.Popen(
                    handover.arguments(self._program, handover.in_memory(self._descriptor)), stdin=subprocess.DEVNULL, stderr=log,
                    env={"DISPATCHERD_LOG_FORMAT": "text", **os.environ}, pass_fds=(self._descriptor,))
            self._wait_ready(self._process)
        except BaseException:
            self._end()
            self._process = None
            raise
        finally:
            os.close(self._descriptor)

    def stop(self) -> None:
        """End it: running tasks are cancelled after 5 s. Raises RuntimeError if it fails to end with exit code 0."""
        tail = self._end()
        code = self._process.returncode if self._process else 0
        if code != 0:
            raise RuntimeError("the daemon ended with exit code %s; its log ends:\n%s" % (code, tail))

    def control(self, command: str, data: Optional[Dict[str, Any]] = None, timeout: float = 10.0) -> Dict[str, Any]:
        """Send a control command and return the reply; raises TimeoutError when none comes."""
        control = Control("socket", {"socket_path": self.socket_path})
        reply: Dict[str, Any] = control.control_with_reply(command, data=data, expected_replies=1, timeout=timeout)[0]
        return reply

    def counters(self) -> Dict[str, Any]:
        """Return the reply to `main`: received_count, control_count, and in `pool` finished_count and canceled_count."""
        return self.control("main")

    def wait_ended(self, tasks: int, timeout: float = 30.0) -> Dict[str, Any]:
        """Wait until that many tasks have ended, in whichever way; return the counters.

        Raises TimeoutError after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while True:
            counters = self.counters()
            ended: int = counters["pool"]["finished_count"] + counters["pool"]["canceled_count"]
            if ended >= tasks:
                return counters
            if time.monotonic() > deadline:
                raise TimeoutError("%d of %d tasks have ended within %g s" % (ended, tasks, timeout))
            time.sleep(_PACE)

    def log(self) -> str:
        """Return what it has logged."""
        with open(self.log_path, encoding="utf-8", errors="replace") as stream:
            return stream.read()

    def producers_are_ready(self) -> bool:
        """Tell whether every broker is connected."""
        answers = [value for value in self.control("producers").values() if isinstance(value, dict)]
        return all(value.get("connected", True) for value in answers)

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        why = "it does not answer"
        while time.monotonic() < deadline:
            try:
                process.wait(_PACE)
            except subprocess.TimeoutExpired:
                pass
            else:
                raise RuntimeError("the daemon ended with exit code %s; its log ends:\n%s" % (process.returncode, self._tail()))
            try:
                why = self._unready()
            except OSError:
                continue  # there is no socket yet
            if not why:
                return
        raise RuntimeError("the daemon was not ready within %g s: %s; its log ends:\n%s" % (READY_SECONDS, why, self._tail()))

    def _unready(self) -> str:
        """Return what is missing until a task can run, "" for nothing."""
        if not self.producers_are_ready():
            return "a broker is not connected"
        if self.settings.service["pool_kwargs"].get("min_workers", 1) < 1:
            return ""
        workers = [value for value in self.control("workers").values() if isinstance(value, dict)]
        return "" if any(worker.get("status") == "ready" for worker in workers) else "no worker is ready"

    def _tail(self) -> str:
        return self.log()[-_TAIL:]

    def _end(self) -> str:
        """End the process, however long it takes, and remove its files; return the end of its log."""
        for number in _SIGNALS:
            if self._process is None or self._process.poll() is not None:
                break
            self._process.send_signal(number)
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                pass
        tail = self._tail() if os.path.exists(self.log_path) else ""
        shutil.rmtree(self._directory, ignore_errors=True)
        return tail
