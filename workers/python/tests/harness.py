"""A supervisor and a daemon for tests: starts the real fork server and speaks to its workers."""

import ctypes
import glob
import json
import os
import select
import signal
import socket
import sys
import unittest

from dispatcherd_worker import frames

HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROJECT = os.path.join(HOME, "tests", "project")
VENV_VARIABLE = "DISPATCHERD_TEST_VENV"
PATIENCE = 30.0
"""Seconds after which a test gives up on something that must happen."""

_RING_EVERY = 0.1
_PR_SET_CHILD_SUBREAPER = 36


def become_subreaper():
    """Make orphaned descendants children of this process, as the supervisor does."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def original_library():
    """Return the site-packages directory that holds the original's library, None without one."""
    venv = os.environ.get(VENV_VARIABLE, "")
    found = glob.glob(os.path.join(glob.escape(venv), "lib", "python3*", "site-packages")) if venv else []
    return found[0] if found else None


def wait_exit(pid):
    """Reap `pid`; return its exit code, or minus the number of the signal that ended it."""
    descriptor = os.pidfd_open(pid)
    try:
        if not select.select([descriptor], [], [], PATIENCE)[0]:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError("process %d did not end" % pid)
        status = os.waitpid(pid, 0)[1]
    finally:
        os.close(descriptor)
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def read_done(body):
    """Return what the body of a done frame says."""
    outcome, flags, _, size, started, finished = frames.DONE_HEAD.unpack_from(body)
    rest, usage = body[frames.DONE_HEAD.size:], None
    if flags & frames.MEASURED:
        usage, rest = frames.USAGE.unpack_from(rest), rest[frames.USAGE.size:]
    error, result = rest[:size].decode(), rest[size:]
    return {
        "outcome": {1: "succeeded", 2: "failed", 3: "cancelled"}[outcome], "error": error,
        "stopping": bool(flags & frames.LEAVES), "started": started, "finished": finished,
        "result": json.loads(result) if result else None, "raw": result,
        "usage": usage, "more": bool(flags & frames.MORE), "begins": bool(flags & frames.BEGINS),
    }


class Server:
    """A fork server process and the supervisor's end of its socket."""

    def __init__(self, spec, environ=None, home=HOME):
        """Start it and send the spec, with the test project on its path."""
        become_subreaper()
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(PATIENCE)
        self.out, out = os.pipe()
        variables = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
        variables.update(environ or {})
        null = os.open(os.devnull, os.O_RDONLY)
        self.pid = os.posix_spawn(
            sys.executable, [sys.executable, os.path.join(home, "boot.py")], variables,
            file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, out, 1),
                          (os.POSIX_SPAWN_DUP2, out, 2), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
        for descriptor in (null, out):
            os.close(descriptor)
        theirs.close()
        self.send(dict({"op": "spec", "version": 1, "python_path": [PROJECT]}, **spec))
        self.answer = self.receive()

    def send(self, packet, fds=()):
        socket.send_fds(self.sock, [json.dumps(packet).encode()], list(fds))

    def receive(self):
        """Return the next packet, None at the end."""
        data = self.sock.recv(1 << 17)
        return json.loads(data) if data else None

    def fork(self, number=1):
        """Fork a worker that still waits for its go."""
        return Worker(self, number)

    def close(self):
        """End it as the supervisor does; return (exit code, what it printed)."""
        self.sock.close()
        code = wait_exit(self.pid)
        with os.fdopen(self.out, "rb") as stream:
            return code, stream.read().decode()


class Worker:
    """A worker process and the daemon's side of everything it has."""

    def __init__(self, server, number):
        self.number = number
        self.seq = 0
        self.exit_code = None
        self._ringing = False
        self.sock, theirs = socket.socketpair()
        self.sock.settimeout(PATIENCE)
        self.stdout, stdout = os.pipe()
        self.stderr, stderr = os.pipe()
        go, self._go = os.pipe()
        self.request(server, [theirs.fileno(), stdout, stderr, go])
        theirs.close()
        for descriptor in (stdout, stderr, go):
            os.close(descriptor)
        self.answer = server.receive()
        self.pid = self.answer.get("pid")

    def request(self, server, descriptors):
        """Send the request for it: descriptors are frame socket, stdout, stderr, go pipe."""
        server.send({"op": "fork", "worker": self.number}, descriptors)

    def go(self):
        """Let it start."""
        os.write(self._go, b"g")
        return self

    def close_go(self):
        """Let go of the go pipe; without a go before, the worker must leave."""
        os.close(self._go)
        self._go = -1

    def send(self, kind, seq=0, body=b""):
        self.sock.sendall(frames.encode(ord(kind), seq, body))

    def frame(self):
        """Return the next frame as (kind, seq, body), None at the end."""
        header = self._exactly(frames.HEADER.size)
        if header is None:
            return None
        length, kind, zero, zeros, seq = frames.HEADER.unpack(header)
        assert (zero, zeros) == (0, 0), header
        return chr(kind), seq, self._exactly(length) if length else b""

    def _exactly(self, size):
        data = bytearray()
        while len(data) < size:
            self._wait(self.sock, "frame")
            try:
                part = self.sock.recv(size - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                assert not data, "the worker ended in the middle of a frame: %r" % bytes(data)
                return None
            data += part
        return bytes(data)

    def submit(self, task, *args, **message):
        """Send a task; return its sequence number."""
        body = self.message(task, *args, **message)
        self.send("T", self.seq, body)
        return self.seq

    def message(self, task, *args, **message):
        """Return the message of the next task, as bytes, which makes it the `seq`th."""
        self.seq += 1
        message["task"] = task
        message.setdefault("uuid", "uuid-%d" % self.seq)
        if args:
            message["args"] = list(args)
        return json.dumps(message).encode()

    def cancel(self, seq):
        """Send a cancel frame and ring the bell, which is rung again while a reader waits.

        One ring is not enough: a signal that comes when the interpreter has just looked for
        signals, and is about to enter a system call, does not interrupt that call.
        """
        self.send("C", seq)
        os.kill(self.pid, signal.SIGUSR1)
        self._ringing = True

    def _wait(self, stream, what):
        """Wait until `stream` can be read."""
        for _ in range(int(PATIENCE / _RING_EVERY)):
            if select.select([stream], [], [], _RING_EVERY)[0]:
                return
            if self._ringing and self.exit_code is None:
                os.kill(self.pid, signal.SIGUSR1)
        raise AssertionError("no %s came; stderr: %s" % (what, self.read(self.stderr)))

    def hello(self):
        """Read the hello frame and return its body."""
        kind, _, body = self.frame()
        assert kind == "H", (kind, body)
        return json.loads(body)

    def done(self):
        """Return the next done frame, with `seq`, `result` and `words`: the log frames before it."""
        words = []
        while True:
            frame = self.frame()
            assert frame, "the worker left, and said %r; stderr: %s" % (words, self.read(self.stderr))
            kind, seq, body = frame
            if kind == "L":
                words.append(json.loads(body)["message"])
                continue
            assert kind == "D", (kind, body)
            self._ringing = False
            return dict(read_done(body), seq=seq, words=words)

    def run(self, task, *args, **message):
        """Submit a task and return its done frame."""
        seq = self.submit(task, *args, **message)
        answer = self.done()
        assert answer["seq"] == seq, answer
        return answer

    def line(self):
        """Wait for one line on its stdout and return it."""
        data = bytearray()
        while not data.endswith(b"\n"):
            self._wait(self.stdout, "line")
            part = os.read(self.stdout, 1)
            assert part, "stdout ended after %r; stderr: %s" % (bytes(data), self.read(self.stderr))
            data += part
        return data.decode().rstrip("\n")

    def read(self, descriptor):
        """Return what has been written to stdout or stderr by now."""
        data = bytearray()
        while select.select([descriptor], [], [], 0)[0]:
            part = os.read(descriptor, 1 << 16)
            if not part:
                break
            data += part
        return data.decode()

    def leave(self):
        """Ask it to stop; return the reason of its last frame."""
        self.send("S")
        return self.reason()

    def reason(self):
        """Read frames to the end, the last must be the X frame; return its reason."""
        kind, last = "", b""
        while True:
            frame = self.frame()
            if frame is None:
                assert kind == "X", (kind, last)
                return json.loads(last)["reason"]
            kind, _, last = frame

    def terminate(self, number):
        """Send a signal, and again each second until it has ended: Python notices one that comes
        just before a blocking call only when the call returns."""
        descriptor = os.pidfd_open(self.pid)
        try:
            for _ in range(int(PATIENCE)):
                os.kill(self.pid, number)
                if select.select([descriptor], [], [], 1)[0]:
                    break
        finally:
            os.close(descriptor)

    def wait(self):
        """Wait for its end and return the exit code."""
        if self.exit_code is None:
            self.exit_code = wait_exit(self.pid)
        return self.exit_code

    def close(self):
        """End the process if a failed test has left it, and close everything."""
        if self.pid and self.exit_code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
        self.sock.close()
        for descriptor in (self.stdout, self.stderr):
            os.close(descriptor)
        if self._go >= 0:
            os.close(self._go)


class WorkerCase(unittest.TestCase):
    """A test case with a fork server of its own, and as many workers as a test asks for."""

    original = False
    """Whether the environment holds the original's library."""
    spec = {"preload": ["sample"]}

    @classmethod
    def environ(cls):
        """Return the fork server's environment, beside PATH."""
        return {"PYTHONPATH": original_library()} if cls.original else {}

    @classmethod
    def setUpClass(cls):
        cls.server = Server(cls.spec, cls.environ())
        if cls.server.answer["op"] != "ready":
            raise AssertionError("%s\n%s" % (cls.server.answer, cls.server.close()[1]))

    @classmethod
    def tearDownClass(cls):
        code, printed = cls.server.close()
        assert code == 0, (code, printed)

    def fork(self, number=1):
        """Fork a worker that waits for its go; it is ended after the test."""
        worker = self.server.fork(number)
        self.addCleanup(worker.close)
        return worker

    def start(self, number=1):
        """Return a worker that is ready for tasks."""
        worker = self.fork(number).go()
        worker.hello()
        return worker
