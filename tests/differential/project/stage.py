"""The tasks of the differential test. Each tells the script what happens to it, over the socket
"stage.sock" of its working directory, and goes on when it is told to."""

import json
import os
import re
import signal
import socket

from dispatcherd.publish import task
from dispatcherd.worker.exceptions import DispatcherExit
from dispatcherd.worker.task import DispatcherCancel, TaskWorker

HOME = os.getcwd()


class Line:
    """A connection to the script, which answers everything that it is told."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(os.path.join(HOME, "stage.sock"))
        self.stream = self.socket.makefile("r", encoding="ascii")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stream.close()
        self.socket.close()

    def tell(self, kind, **what):
        text = json.dumps({"pid": os.getpid(), "kind": kind, **what}) + "\n"
        # Not by way of a buffer: one that a cancel has interrupted would be written again when it is closed.
        self.socket.sendall(text.encode("ascii"))
        return json.loads(self.stream.readline())


def tell(kind, **what):
    with Line() as line:
        line.tell(kind, **what)


def shown(args):
    """Arguments as text; a binder by what it knows."""
    return repr(tuple(("binder", a.uuid, type(a.worker_id).__name__) if hasattr(a, "control") else a for a in args))


def perform(role, binder, args, kwargs):
    """Say that the task has begun, then do what the script says until that is to end."""
    said = {"role": role, "args": shown(args), "kwargs": repr(kwargs)}
    if binder is not None:
        said["bound"] = shown([binder])
    with Line() as line:
        return Part(line, binder).play(said)


class Part:
    """What a task does on the stage."""

    def __init__(self, line, binder):
        self.line = line
        self.binder = binder
        self.cancelled = None  # what becomes of a cancel; None: it has its way

    def play(self, said):
        order = self.heed(lambda: self.line.tell("begins", **said))
        while order["do"] != "return":
            do = order.pop("do")
            order = self.heed(lambda: self.line.tell("answers", **getattr(self, do)(**order)))
        return eval(order["value"])

    def heed(self, act):
        """Do something that ends with an order; a cancel may come as soon as the script knows of it."""
        try:
            return act()
        except DispatcherCancel:
            return self.cancel()

    def cancel(self):
        """A cancel has come while the script was waited for, on a connection of its own."""
        how, self.cancelled = self.cancelled, None
        tell("is cancelled", how=how)
        if how is None:
            raise
        if how != "ignore":
            raise eval(how)
        return {"do": "ask"}

    def ask(self):
        return {"to": "wait"}

    def fail(self, error):
        raise eval(error)

    def withstand(self, how):
        self.cancelled = how
        return {"to": "withstand"}

    def die(self, number):
        os.kill(os.getpid(), number)
        return {"to": "die"}

    def leave(self, code):
        os._exit(code)

    def control(self, command, data):
        reply = self.binder.control(command, data=data)
        # Without the numbers of workers and places, which are a matter of chance.
        parts = [[re.sub("[0-9]+$", "", key), value] for key, value in reply.items()]
        return {"to": "control", "reply": sorted(json.dumps(p, sort_keys=True) for p in parts)}

    def handle(self, number, error):
        """Take a signal, from now on, as this error or as none."""

        def handler(*_):
            tell("is signalled", number=number)
            if error:
                raise eval(error)

        signal.signal(number, handler)
        return {"to": "handle"}


def plain(*args, **kwargs):
    """It is not registered."""
    return perform("plain", None, args, kwargs)


@task()
def act(*args, **kwargs):
    return perform("act", None, args, kwargs)


@task(bind=True)
def bound(binder, *args, **kwargs):
    return perform("bound", binder, args, kwargs)


@task()
class Actor:
    def run(self, *args, **kwargs):
        return perform("Actor", None, args, kwargs)


class House:
    """A name with more dots."""

    @staticmethod
    def act(*args, **kwargs):
        return perform("House.act", None, args, kwargs)


def note(*args, **kwargs):
    """It ends at once."""
    tell("notes", args=shown(args), kwargs=repr(kwargs))


def fail(error):
    tell("fails", error=error)
    raise eval(error)


def strict(a, b=None):
    tell("notes", args=repr((a, b)), kwargs="{}")


class Nameless:
    """Its instances can be called and have no __qualname__."""

    def __call__(self):
        tell("notes", args="nameless", kwargs="{}")


nameless = Nameless()
number = 5


class Watched(TaskWorker):
    """A worker class whose methods tell that they are called."""

    def on_start(self):
        tell("on_start")

    def pre_task(self, message):
        tell("pre_task", uuid=repr(message.get("uuid")), keys=sorted(message))
        if message.get("upset") == "pre_task":
            raise ValueError("pre_task")
        if message.get("upset") == "exit":
            raise SystemExit(4)

    def post_task(self, result):
        tell("post_task", uuid=repr(result["uuid"]), result=repr(result["result"]), stops=result.get("is_stopping", False))
        if str(result["result"]).startswith("upset post_task"):
            raise ValueError("post_task")

    def on_idle(self):
        tell("on_idle")

    def on_shutdown(self):
        tell("on_shutdown")
