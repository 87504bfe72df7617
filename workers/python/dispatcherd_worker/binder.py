"""What a task reaches of the daemon: the binder of a bound task, and the queues of worker classes."""

import collections
import json
import os
import threading


class Control:
    """Control requests of the task that runs now."""

    def __init__(self, channel, interrupts):
        """Send by `channel`; `interrupts` keeps a cancel from tearing a frame apart."""
        self._channel = channel
        self._interrupts = interrupts

    def ask(self, command, data=None):
        """Send a control command and return its result, without node_id; waits until it comes.

        Raises TypeError for what JSON cannot carry, RuntimeError in another thread or a child
        process, ConnectionError when the daemon is gone; a cancel of the task ends the wait.
        """
        if type(command) is not str:
            raise TypeError("command must be a string, got %s" % type(command).__name__)
        body = {"command": command}
        if data:
            body["data"] = data
        text = json.dumps(body).encode("ascii")
        if os.getpid() != self._channel.pid:
            raise RuntimeError("control() works only in the worker's own process")
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("control() works only in the task's main thread")
        return json.loads(self._interrupts.shielded(self._channel.request, text))


class Binder:
    """The first argument of a bound task."""

    def __init__(self, uuid, worker_id, control):
        """`uuid` is the task's ("<unknown>" without one), `worker_id` the worker's number."""
        self.uuid = uuid
        self.worker_id = worker_id
        self._control = control

    def control(self, command, data=None):
        """Run a control command in the daemon and return its result; see `Control.ask`."""
        return self._control.ask(command, data)


class Queues:
    """Stands for both queues that a worker class is constructed with.

    A class may put a control request and get the reply, as the original's binder does. Any other
    event that it puts is one that the runtime sends itself, and is left out.
    """

    def __init__(self, control):
        self._control = control
        self._requests = collections.deque()

    def put(self, event, *_args, **_kwargs):
        """Take a control request; the reply is waited for in `get`."""
        if isinstance(event, dict) and event.get("event") == "control":
            self._requests.append((event.get("command"), event.get("control_data")))

    def get(self, *_args, **_kwargs):
        """Return the reply to the oldest request; raises RuntimeError when there is none."""
        if not self._requests:
            raise RuntimeError("tasks are handed over by the runtime: only control replies can be read")
        return self._control.ask(*self._requests.popleft())
