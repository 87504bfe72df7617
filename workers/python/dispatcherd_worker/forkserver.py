"""The fork server: loads the project once, then forks a worker for each request.

It speaks JSON packets with the supervisor on descriptor 3, a SOCK_SEQPACKET socket, and gets a
worker's descriptors with the request. It is single-threaded, and runs no task.
"""

import array
import gc
import json
import os
import signal
import socket
import sys
import threading

from . import child, failures
from .channel import Channel
from .lane import Lane
from .meter import Meter
from .spec import Project, SpecError
from .worker import Worker

VERSION = 1
SUPERVISOR_FD = 3
MAX_PACKET = 1 << 17
"""The longest packet in bytes."""

_FDS_OF_A_WORKER = (4, 5)  # frame socket, stdout, stderr, go pipe; its cgroup.procs where there is one
# With "lane" in the packet, the lane's comes before the go pipe's.
_EXIT_FAILED = 1
_EXIT_NO_SPEC = 2


def main(home):
    """Serve the supervisor until its end is closed; never returns. `home` holds our library."""
    _close_strangers()
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, 0, fileno=SUPERVISOR_FD)
    sock.set_inheritable(False)
    sock.setblocking(True)
    code = 0
    try:
        code = ForkServer(sock, home).run()
    except ConnectionError:
        pass  # the supervisor is gone
    failures.flush()
    os._exit(code)


class ForkServer:
    """One supervisor's fork server."""

    def __init__(self, sock, home):
        """Serve on `sock`; `home` is the directory that holds our library."""
        self._sock = sock
        self._home = home
        self._project = None

    def run(self):
        """Load the project, answer requests until the end of input; return the exit code."""
        _ignore_group_signals()
        child.line_buffer()
        packet, fds = self._receive()
        _close_all(fds)
        if packet is None:
            return 0
        if packet.get("op") != "spec" or packet.get("version", VERSION) != VERSION:
            self._send({"op": "failed", "error": "the first packet must be a spec of version %d" % VERSION})
            return _EXIT_NO_SPEC
        try:
            self._project = Project(packet, self._home)
        except SpecError as exc:
            failures.print_traceback(exc.__cause__)
            self._send({"op": "failed", "error": "%s: %s%s" % (exc, failures.describe(exc.__cause__), _advice(exc.__cause__))})
            return _EXIT_FAILED
        self._settle()
        self._send({
            "op": "ready", "version": VERSION, "pid": os.getpid(),
            "python": "%d.%d.%d" % sys.version_info[:3], "library": self._project.library.name,
        })
        return self._serve()

    def _settle(self):
        """Undo what an import may have changed here, and prepare memory for sharing."""
        _ignore_group_signals()
        if threading.active_count() > 1:
            names = ", ".join(thread.name for thread in threading.enumerate()[1:])
            print("dispatcherd: preload started threads, which workers do not have: " + names, file=sys.stderr)
        gc.collect()
        gc.freeze()

    def _serve(self):
        while True:
            packet, fds = self._receive()
            if packet is None:
                return 0
            try:
                answer = self._answer(packet, fds)
            finally:
                _close_all(fds)
            self._send(answer)

    def _answer(self, packet, fds):
        if packet.get("op") != "fork":
            return {"op": "refused", "error": "unknown op %r" % (packet.get("op"),)}
        worker = packet.get("worker")
        lane = packet.get("lane") is True
        few, many = (number + lane for number in _FDS_OF_A_WORKER)
        if type(worker) is not int or len(fds) not in (few, many):
            error = "a fork needs a worker number and %d or %d descriptors, got %d" % (few, many, len(fds))
            return {"op": "fork_failed", "worker": worker, "error": error}
        try:
            return {"op": "forked", "worker": worker, "pid": self._fork(worker, fds, lane)}
        except OSError as exc:
            return {"op": "fork_failed", "worker": worker, "error": failures.describe(exc)}

    def _fork(self, worker, fds, lane):
        """Start a worker as a child of the nearest subreaper; return its pid, raise OSError.

        The worker is forked twice: the process between the two ends at once, and the kernel then
        gives the worker to the supervisor (PR_SET_CHILD_SUBREAPER, see prctl(2)).
        """
        failures.flush()  # what imports have printed, lest every worker prints it again
        reader, writer = os.pipe()
        try:
            between = os.fork()
            if between == 0:
                os.close(reader)
                self._fork_again(worker, fds, lane, writer)
            os.close(writer)
            writer = -1
            said = os.read(reader, 256).decode()
            os.waitpid(between, 0)
        finally:
            os.close(reader)
            if writer >= 0:
                os.close(writer)
        if not said.isdigit():
            raise OSError(said or "the new process ended before it could say its pid")
        return int(said)

    def _fork_again(self, worker, fds, lane, writer):
        """In the first child: fork the worker and end; in the worker: live. Never returns."""
        code = 1
        try:
            if os.fork() == 0:
                code = self._live(worker, fds, lane, writer)
            else:
                code = 0
        except OSError as exc:
            os.write(writer, str(exc).encode()[:256])
        except BaseException as exc:
            failures.print_traceback(exc)
        finally:
            failures.flush()
            os._exit(code)

    def _live(self, worker, fds, lane, writer):
        """Be the worker; return its exit code."""
        frame_fd, stdout, stderr, *rest = fds
        ahead = Lane(child.out_of_the_way(rest.pop(0))) if lane else None
        go, *members = rest
        child.detach(stdout, stderr)
        _close_all((stdout, stderr))
        self._sock.close()
        os.write(writer, b"%d" % os.getpid())
        os.close(writer)
        if not child.wait_for_go(go):
            return 0
        project = self._project
        channel = Channel(child.frame_socket(frame_fd))
        meter = None
        if project.measures:
            meter = Meter(child.out_of_the_way(members[0]) if members else -1)
        live = Worker(worker, channel, project.library, project.callables, meter, ahead)
        return live.run(project.worker_class, project.idle_timeout, project.kwargs)

    def _receive(self):
        """Return (packet, descriptors), (None, ()) at the end; a packet that is none is {}."""
        space = socket.CMSG_SPACE(16 * array.array("i").itemsize)
        data, controls, flags, _ = self._sock.recvmsg(MAX_PACKET, space, socket.MSG_CMSG_CLOEXEC)
        fds = array.array("i")
        for level, kind, content in controls:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(content[:len(content) - len(content) % fds.itemsize])
        if not data:
            return None, fds
        try:
            packet = json.loads(data)
        except ValueError:
            packet = {}
        return packet if type(packet) is dict else {}, fds

    def _send(self, packet):
        self._sock.send(json.dumps(packet).encode("ascii"), socket.MSG_NOSIGNAL)


def _advice(exc):
    """Return what to do about `exc`, which has kept the project from being loaded, or ""."""
    if isinstance(exc, ModuleNotFoundError):
        return " (worker.python is %s; worker.pythonpath adds directories)" % sys.executable
    return ""


def _ignore_group_signals():
    """Leave SIGINT and SIGTERM to the supervisor, which closes the socket when it wants an end.

    A handler that does nothing, not SIG_IGN, which programs that preload starts would inherit.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, frame: None)


def _close_strangers():
    """Close what was inherited by accident: nothing of it is meant for a task."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > SUPERVISOR_FD:
            try:
                os.close(int(name))
            except OSError:
                pass  # the descriptor of the listing itself


def _close_all(fds):
    for fd in fds:
        os.close(fd)

