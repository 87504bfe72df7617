"""The loop of a worker: take a task, run it, say how it ended."""

import json
import os
import sys
import time

from . import failures, frames, hooks, logs, results
from .binder import Binder, Control, Queues
from .callbacks import FollowUps
from .channel import ChannelLost
from .interrupts import Interrupts
from .lane import QUICK

EXIT_LEFT = 0
EXIT_HOOK = 1
EXIT_CHANNEL = 70

_MAX_LABEL = 200
_LOGGER = "dispatcherd.worker.task"
_BROKEN_OUTPUT = "the task closed its stdout or stderr"
_NO_ARGS = []
_NO_KWARGS = {}
# Bound once: a task may replace functions of these modules (frozen clocks, monkey patches).
_decode = json.JSONDecoder().raw_decode
_getpid = os.getpid
_now = time.time


class Worker:
    """One worker: a channel to the daemon, and the code that tasks stand for."""

    def __init__(self, worker_id, channel, library, callables, meter=None, lane=None):
        """Prepare the worker numbered `worker_id`; no code of the project runs before `run`.

        `meter` measures its tasks, None: nothing does. `lane` holds tasks ahead of their time.
        """
        self._id = worker_id
        self._channel = channel
        self._library = library
        self._callables = callables
        self._meter = meter
        self._lane = lane
        self._ahead = None  # (seq, body) of the task that the daemon knows to be begun
        self._interrupts = Interrupts(channel, library.Cancel, Worker._attempt.__code__)
        self._control = Control(channel, self._interrupts)
        self._hooks = hooks.Hooks()
        self._run = self.call
        self._follow_ups = FollowUps(self._run, library, self._say, self._stop_after)
        self._perform = self._perform_plainly
        self._words = []  # (level, message) to be sent when no task runs
        self._leave = ""  # why the worker leaves after this task, "" when it stays
        os.register_at_fork(after_in_child=self._abandon)

    def run(self, cls=None, idle_timeout=0, kwargs=_NO_KWARGS):
        """Serve the daemon until it is time to leave; return the exit code of the process.

        `cls` is the project's worker class or None, `idle_timeout` seconds until its `on_idle`,
        `kwargs` what its constructor is given beside what each worker has.
        """
        try:
            self._interrupts.install()
            logs.relay(self._channel, self._interrupts)
            code, reason = self._live(cls, idle_timeout, kwargs)
            if reason:
                failures.flush()
                self._channel.send(frames.LEAVING, 0, _text({"reason": reason}))
            return code
        except ChannelLost as exc:
            try:
                os.write(2, ("dispatcherd worker %d: %s\n" % (self._id, exc)).encode())
            except OSError:
                pass  # the task closed that, too
            return EXIT_CHANNEL

    def _live(self, cls, idle_timeout, kwargs):
        """Run hooks and loop; return (exit code, reason), no reason when nobody would read it."""
        greeted = False
        try:
            if cls is not None:
                self._adopt(cls, idle_timeout, kwargs)
            hello = {"version": frames.VERSION, "pid": self._channel.pid, "python": "%d.%d.%d" % sys.version_info[:3]}
            if self._meter is not None:
                hello["cpu"], hello["residents"] = self._meter.start(_now())
            self._channel.send(frames.HELLO, 0, _text(hello))
            greeted = True
            reason = self._loop()
            self._hooks.on_shutdown()
            return EXIT_LEFT, reason
        except hooks.HookFailed as exc:
            if greeted:  # else the daemon has a start that failed to report, for this reason
                self._say("error", str(exc))
                self._send_words()
            return EXIT_HOOK, str(exc)

    def _adopt(self, cls, idle_timeout, kwargs):
        """Construct the project's worker class and start it; raises hooks.HookFailed."""
        self._hooks = hooks.Custom(
            cls, self._id, idle_timeout, kwargs, Queues(self._control), self._library, self._find, self.call)
        self._interrupts.install()  # the original's constructor sets handlers of its own
        self._hooks.on_start()
        self._interrupts.install()
        self._run = self._hooks.run or self.call
        self._perform = self._hooks.perform or self._perform_plainly
        self._follow_ups = FollowUps(self._run, self._library, self._say, self._stop_after)
        if self._hooks.idle_timeout > 0:
            self._channel.set_idle_timeout(self._hooks.idle_timeout)

    def _loop(self):
        """Take tasks until one of the reasons to leave; return it, "" when the daemon is gone."""
        channel, interrupts, worker_hooks = self._channel, self._interrupts, self._hooks
        while True:
            if interrupts.leaving:
                return "signal " + interrupts.leaving
            if worker_hooks.should_exit is not None and worker_hooks.should_exit():
                return "should_exit() is true"
            task, self._ahead = self._ahead, None
            if task is not None:
                channel.current = task[0]
            else:
                try:
                    task = channel.next_task()
                except BlockingIOError:
                    worker_hooks.on_idle()
                    continue
            if interrupts.leaving:
                continue  # what was read is not started; the daemon knows that from the X frame
            if task is None:
                return "stop requested" if channel.stop else ""
            self._run_task(task[0], task[1])
            if self._leave:
                return self._leave

    def _run_task(self, seq, body):
        """Run one task and send its done frame; raises hooks.HookFailed after that frame."""
        started = _now()
        meter = self._meter
        if meter is not None:
            meter.begin(started)
        message = _NO_KWARGS
        try:
            message = _message(body)
        except Exception as exc:  # too deep, not JSON, a number beyond Python's digit limit
            result, failure = None, exc
        else:
            result, failure = self._attempt(message)
        if _getpid() != self._channel.pid:
            _end_child(failure)
        self._interrupts.restore()
        outcome, error = frames.SUCCEEDED, ""
        if failure is not None:
            outcome, error, result = self._judge(failure)
        if not failures.flush():
            self._leave = _BROKEN_OUTPUT
        if outcome != frames.SUCCEEDED:
            self._tell_failure(outcome, failure)
        text = b""
        if result is not None:
            text, problem = results.encode(result)
            if problem:
                result = None
                self._say("warning", "result of %s (uuid %s) is %s: replaced by null" % (
                    _label(message.get("task")), _label(message.get("uuid")), problem))
        trouble = self._after_task(message, result, failure, started)
        # What the task has held goes now, and is not the next one's: a traceback leads to this frame, and
        # this frame to the exception, which nothing but the garbage collector would end.
        result = failure = None
        if self._words:
            self._send_words()
        self._channel.current = None
        self._channel.cancelled.discard(seq)
        finished = _now()
        usage = None if meter is None else meter.end(started, finished)
        flags = 0
        if self._leave or trouble is not None:
            flags = frames.LEAVES
        elif (self._lane is not None and outcome == frames.SUCCEEDED and 0 <= finished - started < QUICK
                and not (usage and usage[0]) and self._stays()):
            self._ahead = self._lane.take()
            if self._ahead is not None:
                flags = frames.BEGINS
        self._channel.send_bytes(frames.done(seq, outcome, flags, started, finished, error, text, usage))
        if trouble is not None:
            raise trouble

    def _stays(self):
        """Say whether nothing keeps the worker from taking another task without asking."""
        channel = self._channel
        return not (channel.stop or channel.inbox or self._interrupts.leaving or self._hooks.should_exit)

    def _attempt(self, message):
        """Return (result, None) or (None, the exception): the outer side of a task's call.

        No cancel is raised in this function's own frame (see `Interrupts`), so none can get out.
        """
        try:
            result = self._inside(message)
            self._interrupts.active = False
            return result, None
        except BaseException as exc:
            self._interrupts.active = False
            return None, exc

    def _inside(self, message):
        """Run what a cancel may interrupt."""
        self._interrupts.begin()
        if self._hooks.pre_task is not None:
            self._pre_task(message)
        return self._perform(message)

    def _pre_task(self, message):
        try:
            self._hooks.pre_task(message)
        except self._library.Cancel:
            raise
        except Exception as exc:
            failures.print_traceback(exc)
            self._say("error", "pre_task of %s: %s" % (_label(message.get("task")), failures.describe(exc)))

    def _perform_plainly(self, message):
        if "callbacks" in message or "errbacks" in message:
            return self._follow_ups.call(message)
        return self._run(message)

    def call(self, message):
        """Find the task's callable and return what it returns."""
        if "task" not in message:
            raise ValueError('the message has no "task"')
        function, is_class, bind = self._find(message["task"])
        args = message.get("args", _NO_ARGS)
        if type(args) is not list:
            raise TypeError("args must be a list, got %s" % type(args).__name__)
        kwargs = message.get("kwargs", _NO_KWARGS)
        if type(kwargs) is not dict:
            raise TypeError("kwargs must be a dict, got %s" % type(kwargs).__name__)
        if is_class:
            function = function().run
        if bind or message.get("bind") is True:
            return function(self._binder(message), *args, **kwargs)
        return function(*args, **kwargs)

    def _find(self, name):
        return self._callables.find(name, self._hooks.registry, self._interrupts.shielded)

    def _binder(self, message):
        if self._hooks.produce_binder is not None:
            return self._hooks.produce_binder(message)
        return Binder(message.get("uuid", "<unknown>"), self._id, self._control)

    def _judge(self, failure):
        """Return (outcome, error, result) of a task that raised; note when the worker must leave."""
        kind = type(failure)
        if issubclass(kind, ChannelLost):
            raise failure
        if issubclass(kind, self._library.Exit):
            self._stop_after("the task raised DispatcherExit")
            return frames.SUCCEEDED, "", failure.result
        if issubclass(kind, self._library.Cancel):
            return frames.CANCELLED, "", None
        if issubclass(kind, (SystemExit, KeyboardInterrupt)):
            self._stop_after("the task raised %s" % results.type_name(failure))
        return frames.FAILED, failures.describe(failure), None

    def _tell_failure(self, outcome, failure):
        """Log the exception that ended a task, by the logger that the original has for that."""
        self._channel.drain()  # it may have come that nobody listens
        level = "warning" if outcome == frames.CANCELLED else "error"
        text = "the task raised %s" % failures.describe(failure)
        trace = failures.narrate(failure)
        if "\n" in trace:
            text += "\n" + trace
        logs.tell(self._channel, level, _LOGGER, text)

    def _after_task(self, message, result, failure, started):
        """Run the hooks that follow a task; return a hooks.HookFailed or None."""
        if self._hooks.after_task is None:
            return None
        try:
            if self._hooks.after_task(message, result, failure, started, bool(self._leave)):
                self._stop_after("the worker class is stopping")
        except hooks.HookFailed as exc:
            return exc
        finally:
            self._interrupts.install()
            failures.flush()
        return None

    def _stop_after(self, reason):
        self._leave = self._leave or reason

    def _say(self, level, message):
        """Keep a word of the runtime for the daemon's log."""
        self._words.append((level, failures.one_line(message)))

    def _send_words(self):
        for level, message in self._words:
            self._channel.send(frames.LOG, 0, _text({"level": level, "message": message}))
        self._words.clear()

    def _abandon(self):
        """In a child that a task has forked: the channel is the parent's alone."""
        if _getpid() != self._channel.pid:
            self._interrupts.active = False
            self._channel.close()
            if self._lane is not None:
                self._lane.close()


def _message(body):
    """Return the dict that the body of a task frame holds; raises ValueError for another text."""
    text = body.decode("utf-8", "surrogatepass")
    message, end = _decode(text)
    if end != len(text) or type(message) is not dict:
        raise ValueError("the message is not one JSON object")
    return message


def _text(value):
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def _label(value):
    """Return a message's uuid or task name as text of bounded length, whatever JSON value it is."""
    if type(value) is not str:
        try:
            value = "" if value is None else json.dumps(value)
        except RecursionError:  # could be read, but not from this deep in the stack
            value = "(nested deep)"
    return failures.one_line(value, _MAX_LABEL)


def _end_child(failure):
    """End a child process that came back from the task which forked it, as Python would have."""
    code = 0
    if failure is not None:
        code = 1
        if issubclass(type(failure), SystemExit):
            code = failure.code if type(failure.code) is int else int(failure.code is not None)
        else:
            failures.print_traceback(failure)
    failures.flush()
    os._exit(code & 0xFF)
