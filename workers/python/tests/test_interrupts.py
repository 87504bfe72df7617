"""A cancel at every point of the worker's own code, one after the other."""

import contextlib
import io
import json
import logging
import signal
import socket
import sys
import threading
import types
import unittest

from dispatcherd import publish, registry
from dispatcherd_worker import callables, frames, interrupts, library
from dispatcherd_worker.channel import Channel
from dispatcherd_worker.worker import Worker
from tests import harness
from tests.harness import HOME

RUNTIME = HOME + "/dispatcherd_worker/"


def touch(binder, what):
    """A task with a little code of its own."""
    if what == "ask":
        return binder.control("alive")
    if what == "log":
        logging.getLogger("app").warning("said")
    if what == "fail":
        raise ValueError("its own")
    return "mine"


class SteppingRegistry:
    """Like the original's: says that its table is filled before it fills it, entry by entry."""

    def __init__(self, methods):
        self.methods = methods
        self.table = {}
        self.filled = False

    @property
    def lookup_dict(self):
        if not self.filled:
            self.filled = True
            for method in self.methods:
                self.table[method.serialize_task()] = method
        return self.table

    def get_method(self, task, allow_unregistered=True):
        if task not in self.lookup_dict:
            raise registry.NotRegistered(task)
        return self.lookup_dict[task]


def setUpModule():
    module = types.ModuleType("interrupted")
    module.touch = touch
    touch.__module__ = "interrupted"
    sys.modules["interrupted"] = module
    publish.task(bind=True)(touch)


class Daemon(threading.Thread):
    """Sends a task, with its control reply or after its end another and a stop; keeps how they ended."""

    def __init__(self, sock, what):
        super().__init__()
        self.outcomes = {}
        self._sock = sock
        self._sock.settimeout(30)  # then it closes the socket, and the worker leaves
        self._rest = self._task(2, what) + frames.encode(frames.STOP, 0)
        self._sock.sendall(self._task(1, what))

    def _task(self, seq, what):
        message = {"task": "interrupted.touch", "args": [what], "uuid": "u-%d" % seq}
        return frames.encode(frames.TASK, seq, json.dumps(message).encode())

    def cancel(self, seq):
        self._sock.sendall(frames.encode(frames.CANCEL, seq))

    def run(self):
        with self._sock, self._sock.makefile("rb") as stream:
            header = stream.read(frames.HEADER.size)
            while header:
                length, kind, _, _, seq = frames.HEADER.unpack(header)
                body = stream.read(length)
                answer = b""
                if kind == frames.REQUEST:
                    answer = frames.encode(frames.REPLY, seq, b'"reply"')
                elif kind == frames.DONE:
                    assert seq not in self.outcomes, "answered twice"
                    done = harness.read_done(body)
                    self.outcomes[seq] = (done["outcome"], done["raw"])
                if kind in (frames.REQUEST, frames.DONE) and answer + self._rest:
                    self._sock.sendall(answer + self._rest)
                    self._rest = b""
                header = stream.read(frames.HEADER.size)


class Rig:
    """A worker in this process, in the main thread as it must be."""

    def __init__(self, what):
        ours, theirs = socket.socketpair()
        self.daemon = Daemon(theirs, what)
        known = library.Library(HOME)
        known.registry = SteppingRegistry(known.registry.registry)
        self.channel = Channel(ours)
        self.worker = Worker(1, self.channel, known, callables.Callables(known, "registered", ()))
        self.at = self.seen = 0

    def run(self, at):
        """Run both tasks, with a cancel of the first before the bytecode number `at` after its start.

        Returns the outcomes by sequence number, and whether that point was reached.
        """
        self.at = at
        saved = {number: signal.getsignal(number) for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT)}
        self.daemon.start()
        logging.lastResort = logging._defaultLastResort
        sys._getframe().f_trace_opcodes = True  # before settrace: what Python 3.12 needs
        sys.settrace(self._trace)
        try:
            with contextlib.redirect_stderr(io.StringIO()):  # the tracebacks of cancelled tasks
                self.worker.run()
        finally:
            sys.settrace(None)
            logging.lastResort = logging._defaultLastResort
            for number, handler in saved.items():
                signal.signal(number, handler)
            self.channel.close()
            self.daemon.join()
        return self.daemon.outcomes, self.seen >= at

    def _trace(self, frame, _event, _argument):
        if frame.f_code.co_filename.startswith(RUNTIME) or frame.f_code.co_filename == __file__:
            frame.f_trace_opcodes = True
            return self._step
        return None

    def _step(self, frame, event, _argument):
        if event == "opcode" and self.channel.current == 1:
            self.seen += 1
            if self.seen == self.at:
                self.daemon.cancel(1)
                signal.getsignal(signal.SIGUSR1)(signal.SIGUSR1, frame)
        return self._step


class EveryPoint(unittest.TestCase):
    def check(self, what, end):
        """Cancel the task `what`, which ends like `end` otherwise, at each point in turn."""
        seen = set()
        at, reached = 0, True
        while reached:
            at += 1
            if sys.version_info >= (3, 13):
                Rig(what).run(0)  # bytecodes are reported only of code that was traced in full before
            outcomes, reached = Rig(what).run(at)
            self.assertEqual(outcomes.get(2), end, "the next task, cancel at %d" % at)
            self.assertIn(outcomes.get(1), (end, ("cancelled", b"")), "cancel at %d" % at)
            seen.add(outcomes[1][0])
        self.assertGreater(at, 200)
        self.assertEqual(seen, {end[0], "cancelled"})

    def test_a_cancel_hits_its_task_or_nothing(self):
        self.check("return", ("succeeded", b'"mine"'))

    def test_a_cancel_of_a_failing_task_hits_it_or_nothing(self):
        self.check("fail", ("failed", b""))

    def test_a_cancel_while_a_record_is_sent_hits_its_task_or_nothing(self):
        self.check("log", ("succeeded", b'"mine"'))

    def test_a_cancel_during_a_control_request_hits_its_task_or_nothing(self):
        self.check("ask", ("succeeded", b'"reply"'))


class Handlers(unittest.TestCase):
    def test_a_shield_within_another_leaves_it_up(self):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            shield = interrupts.Interrupts(Channel(ours), RuntimeError, None)
            shield.active = True

            def ring():
                theirs.sendall(frames.encode(frames.CANCEL, 1))
                shield._on_cancel(signal.SIGUSR1, None)

            shield._channel.current = 1
            order = []

            def outer():
                shield.shielded(order.append, "inner")
                ring()  # with the shield down, this would raise
                order.append("outer")

            with self.assertRaises(RuntimeError):
                shield.shielded(outer)
            self.assertEqual(order, ["inner", "outer"])

    def test_the_quick_getsignal_tells_the_same(self):
        self.assertEqual(interrupts.getsignal(signal.SIGUSR1), signal.getsignal(signal.SIGUSR1))
