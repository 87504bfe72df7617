"""Uses a dispatcherd library in many ways and prints what comes of each, as a line of JSON.

Run once with the original and once with ours, the output must be the same. The clock stands still
and the uuids are counted.
"""

import asyncio
import copy
import hashlib
import itertools
import json
import logging
import os
import random
import signal
import sys
import time
import uuid

NUMBERS = itertools.count(1)
uuid.uuid4 = lambda: uuid.UUID(int=next(NUMBERS))
time.time = lambda: 1700000000.25

from dispatcherd import config  # noqa: E402
from dispatcherd.brokers import get_broker  # noqa: E402
from dispatcherd.chunking import CHUNK_MARKER, ChunkAccumulator, split_message  # noqa: E402
from dispatcherd.control import Control  # noqa: E402
from dispatcherd.factories import get_control_from_settings, get_publisher_from_settings  # noqa: E402
from dispatcherd.processors.blocker import Blocker  # noqa: E402
from dispatcherd.processors.delayer import Delayer  # noqa: E402
from dispatcherd.processors.queuer import Queuer  # noqa: E402
from dispatcherd.publish import CompatParams, submit_task, task  # noqa: E402
from dispatcherd.registry import DispatcherMethodRegistry  # noqa: E402
from dispatcherd.utils import DuplicateBehavior, resolve_callable, serialize_task  # noqa: E402
from dispatcherd.worker.exceptions import DispatcherCancel, DispatcherExit  # noqa: E402
from dispatcherd.worker.task import TaskWorker  # noqa: E402

MEMORY = "dispatcherd.testing.brokers.memory"
SENT = []


class Broker:
    """A broker of this module, which the settings name by it."""

    def __init__(self, channels=(), replies=()):
        self.replies = replies

    def publish_message(self, channel=None, message=None):
        SENT.append([channel, message])
        return channel or "default"

    async def apublish_message(self, channel=None, origin=None, message=""):
        SENT.append([channel, message])

    def process_notify(self, connected_callback=None, timeout=5.0, max_messages=1):
        connected_callback()
        for reply in self.replies:
            yield 0, reply

    async def aprocess_notify(self, connected_callback=None):
        await connected_callback()
        for reply in self.replies:
            yield 0, reply

    def close(self):
        SENT.append("close")

    async def aclose(self):
        SENT.append("aclose")


def function(*args, **kwargs):
    return [args, kwargs]


def outcome(call):
    """Return what a call gives, or the names of the classes of what it raises."""
    del SENT[:]
    try:
        return [call(), list(SENT)]
    except Exception as exc:
        return ["raises", [kind.__module__ + "." + kind.__name__ for kind in type(exc).__mro__ if kind is not object]]


def say(name, call):
    print(json.dumps([name, outcome(call)], default=lambda value: type(value).__name__), flush=True)


def settings(**sections):
    made = config.LazySettings()
    made._wrapped = config.DispatcherSettings({"version": 2, **sections})
    return made


def messages():
    options = {
        "nothing": {}, "timeout": {"timeout": 5}, "no timeout": {"timeout": 0}, "queue": {"queue": "own"},
        "function as queue": {"queue": lambda: "made"}, "bind": {"bind": True}, "on_duplicate": {"on_duplicate": "serial"},
        "options": {"processor_options": [Blocker.Params(on_duplicate="discard"), Delayer.Params(delay=2)]},
    }
    submissions = {
        "nothing": {}, "args": {"args": [1, "ü😀", None, {"a": [1.5, True]}]}, "tuple": {"args": (1,)}, "empty": {"args": [], "kwargs": {}},
        "kwargs": {"kwargs": {"a": 1}}, "uuid": {"uuid": "u"}, "queue": {"queue": "other"}, "timeout": {"timeout": 2.5},
        "function as queue": {"queue": lambda: "now"}, "bind": {"bind": True}, "none": {"timeout": None, "uuid": None, "queue": None},
        "options": {"processor_options": [Delayer.Params(delay=3)]}, "not for JSON": {"args": [object]},
    }
    own = settings(brokers={"compare.broker": {}})
    for (decorator, given), (submission, more) in itertools.product(options.items(), submissions.items()):
        registry = DispatcherMethodRegistry()
        task(registry=registry, **given)(function)
        say("apply_async %s %s" % (decorator, submission), lambda: function.apply_async(settings=own, **more))
        say("submit_task %s %s" % (decorator, submission),
            lambda: submit_task(function, registry=registry, settings=own, **more))
    say("unmarked", lambda: submit_task(function, registry=DispatcherMethodRegistry(), settings=own, args=[1]))
    say("an instance", lambda: submit_task(Broker(), settings=own))
    say("a bad keyword", lambda: function.apply_async(settings=own, on_duplicate="serial"))


def chunks():
    for limit in (None, 120, 127, 140, 300, 1024, 8000):
        for length in range(1, 3001):
            text = json.dumps({"task": "t", "args": ["a\"\\\n" * (length // 4) + "x" * (length % 4)]})
            result = outcome(lambda: split_message(text, max_bytes=limit))
            if length % 250 == 0 or result[0] == "raises":
                digest = hashlib.sha256(json.dumps(result).encode()).hexdigest()
                print(json.dumps(["split %s %d" % (limit, length), digest]))
    for text in ("ü" * 999, "😀" * 999, "\u2028\x00\x7f/\"" * 300, "\ud800" * 500, ""):
        say("split %r" % text[:5], lambda: split_message(text, max_bytes=300))


def accumulators():
    chance = random.Random(3)
    values = {
        CHUNK_MARKER: ["v1"] * 12 + ["v2", None, 1], "message_id": ["a", "b", "c"] * 5 + [5, None],
        "index": [0, 1, 2] * 6 + [-1, 7, True, False, 1.0, "0", None], "total": [1, 2, 3] * 6 + [0, -1, True, 2.0, None],
        "payload": ['{"a":', '1}', "{}", "[]", '"', "", "x"] * 3 + [5, None],
    }
    accumulator = ChunkAccumulator()
    for number in range(4000):
        envelope = {key: chance.choice(choices) for key, choices in values.items() if chance.random() < 0.98}
        result = outcome(lambda: accumulator.ingest_dict(envelope))
        partials = asyncio.run(accumulator.aget_partial_messages())
        for partial in partials.values():
            partial.pop("seconds_since_start")
        print(json.dumps([number, result, accumulator.get_status_data(), partials], default=repr))
    accumulator.message_timeout_seconds = 1
    accumulator.expire_partial_messages(current_time=time.monotonic() + 5)
    print(json.dumps(accumulator.get_status_data()))


def configurations():
    for given in ({"version": 2}, {"version": 1}, {}, {"version": "2"}, {"version": 2.0}, {"version": 2, "other": 1},
                  {"version": 2, "brokers": {"a": {"b": 1}}, "service": {"x": 1}, "publish": {"y": 2}, "worker": {"z": 3}}):
        say("settings %r" % (given,), lambda: config.DispatcherSettings(given).serialize())
        say("setup %r" % (sorted(given),), lambda: config.setup(given).serialize())
    texts = {
        "dispatcher.yml": "version: 2\nbrokers: {socket: {socket_path: /tmp/a}}\nservice:\n  pool_kwargs: {max_workers: 4}\n",
        "anchors.yml": "version: 2\npublish: &x {default_broker: a}\nworker: *x\n", "tabs.yml": "version: 2\nbrokers:\n\tsocket: 1\n",
        "unsafe.yml": "version: 2\nworker: !!python/object/apply:os.getcwd []\n", "version.yml": "version: 1\n", "empty.yml": "{}\n",
    }
    for name, text in texts.items():
        with open(name, "w") as stream:
            stream.write(text)
        say("file " + name, lambda: config.setup(file_path=name).serialize())
        os.environ["DISPATCHERD_CONFIG_FILE"] = name
        say("environment " + name, lambda: config.setup().serialize())
    say("no such file", lambda: config.setup(file_path="nosuch.yml"))
    del os.environ["DISPATCHERD_CONFIG_FILE"]
    say("nothing", config.setup)
    try:
        config.settings_from_env()
    except RuntimeError as exc:
        text = str(exc)
        say("the text", lambda: text)
    say("is_setup", lambda: [config.is_setup(), config.is_setup(config.LazySettings())])


def choices():
    two = {"socket": {"socket_path": "a"}, MEMORY: {}}
    for publish in ({}, {"default_broker": MEMORY}, {"default_broker": "nosuch"}, {"default_control_broker": "socket"},
                    {"default_broker": MEMORY, "default_control_broker": "socket"}):
        for brokers in (two, {"socket": {"socket_path": "b"}}, {}):
            for asked in (None, "socket", MEMORY, "nosuch"):
                name = "%s %s %s" % (publish, list(brokers), asked)
                made = settings(brokers=brokers, publish=publish)
                say("publisher " + name, lambda: str(get_publisher_from_settings(asked, settings=made)))
                say("control " + name, lambda: vars(get_control_from_settings(asked, settings=made, more=1)))
    for name, given in (("nosuch", {}), ("no.such", {}), ("socket", {}), ("socket", {"socket_path": "a", "b": 1})):
        say("broker %s %s" % (name, given), lambda: str(get_broker(name, given)))


def postgres():
    conninfo = {"config": {"conninfo": "dbname=x"}}
    for given in ({}, {"config": {}}, conninfo, {"async_connection_factory": "a.b"}, {"sync_connection_factory": "a.b"},
                  {"async_connection_factory": "a.b", "sync_connection_factory": "a.b"},
                  {**conninfo, "max_connection_idle_seconds": None}, {**conninfo, "max_self_check_message_age_seconds": None},
                  {**conninfo, "max_connection_idle_seconds": 1}, {**conninfo, "channels": ["x" * 64]}, {**conninfo, "channels": [""]},
                  {**conninfo, "channels": ["ü" * 31, "b"]}, {**conninfo, "nosuch": 1}):
        say("pg_notify %s" % given, lambda: [
            str(broker) + str(broker.get_self_check_stats()) for broker in [get_broker("pg_notify", given)]])
    for channels, default, asked in itertools.product(([], ["a"], ["a", "b"]), (None, "d"), (None, "c", "", "x" * 64)):
        for checks in ({}, {"max_connection_idle_seconds": None, "max_self_check_message_age_seconds": None}):
            made = get_broker("pg_notify", {**conninfo, "channels": channels, "default_publish_channel": default, **checks})
            say("channel %s %s %s %s" % (channels, default, asked, checks), lambda: made.get_publish_channel(asked))
    for name in ("a", 'quote"d', "ü", "UPPER", "-dash", "", "x" * 64):
        say("listen %s" % name, lambda: made.get_listen_query(name).as_string(None))


def controls():
    replies = ['{"node_id": "a"}', "junk", "[1]", *split_message(json.dumps({"b": "x" * 3000}), max_bytes=1024), '{"last": 1}']
    for expected in range(1, 6):
        control = Control("compare.broker", {"replies": replies})
        say("reply %d" % expected, lambda: control.control_with_reply("running", expected_replies=expected, data={"task": "t"}))
        say("areply %d" % expected, lambda: asyncio.run(control.acontrol_with_reply("alive", expected_replies=expected, timeout=5)))
    control = Control("compare.broker", {}, queue="q")
    say("control", lambda: control.control("cancel", data={"uuid": "ü"}))
    say("acontrol", lambda: asyncio.run(Control("compare.broker", {}).acontrol("cancel")))
    say("message", lambda: [control.create_message("a"), control.create_message("a", reply_to="r", send_data={"x": 1}),
                            control.create_message("a", reply_to="", send_data={}), Control.generate_reply_queue_name()])
    say("nobody", lambda: Control("socket", {"socket_path": "nosuch"}).control_with_reply("alive"))


def raising(exc):
    raise exc


def workers():
    registry = DispatcherMethodRegistry()
    ran = []
    calls = {
        "five": lambda: 5, "echo": lambda *a, **k: [list(a), k], "fail": lambda: raising(ValueError("no")),
        "leave": lambda: raising(DispatcherExit("bye")), "leave_plainly": lambda: raising(DispatcherExit()),
        "cancelled": lambda: raising(DispatcherCancel()), "note": lambda *a: ran.append(a),
        "bound": lambda binder, *a: [binder.uuid, binder.worker_id, *a], "float": lambda: 1.5, "true": lambda: True,
    }
    for name, call in calls.items():
        call.__module__, call.__qualname__ = "made", name
        task(registry=registry, decorate=False, bind=name == "bound")(call)
    worker = TaskWorker(worker_id=3, message_queue=None, finished_queue=None, registry=registry)
    note = {"task": "made.note", "args": [1]}
    for name in [*calls, "nosuch", "made.nosuch"]:
        for more in ({}, {"uuid": "u"}, {"args": [1, 2]}, {"args": [1], "kwargs": {"a": 1}}, {"bind": True}, {"bind": 1},
                     {"callbacks": [note], "errbacks": [note]}, {"kwargs": None}, {"callbacks": None}):
            message = copy.deepcopy({"task": name if "nosuch" in name else "made." + name, **more})
            del ran[:]
            say("work %s %s" % (name, more), lambda: [worker.perform_work(message), list(ran)])
    say("lambda", lambda: worker.perform_work({"task": "lambda: 7"}))
    for number in (signal.SIGINT, signal.SIGTERM):
        worker.enter_task_mode()
        say("signal in a task", lambda: str(signal.getsignal(number)))
        worker.enter_idle_mode()
        signal.raise_signal(number)
        say("signal between", worker.should_exit)
    say("said", lambda: [worker.get_ready_message(), worker.get_shutdown_message()])


def small_things():
    for params in (Blocker.Params, Delayer.Params, Queuer.Params):
        say(params.__qualname__, lambda: [params().to_dict(), params.from_message({"delay": 3, "on_duplicate": "x", "y": 1}).to_dict()])
    say("compat", lambda: [CompatParams(on_duplicate="serial").to_dict(), CompatParams.from_message({"on_duplicate": "a"}).to_dict()])
    say("modes", lambda: [[mode.name, mode.value] for mode in DuplicateBehavior])
    for name in ("os.path.join", "os.nosuch", "nodot", "nosuch.x", "lambda: 5", ""):
        say("resolve " + name, lambda: repr(resolve_callable(name))[:12])
    say("serialize", lambda: [serialize_task(function), DispatcherExit().result, DispatcherExit(4).result, DispatcherExit(4).args])
    memory = get_broker(MEMORY, {})
    say("memory", lambda: [memory.publish_message("c", "m"), memory.published_messages])
    say("noop", lambda: get_broker("dispatcherd.testing.brokers.noop", {}).publish_message("c", "m"))
    say("error_only", lambda: get_broker("dispatcherd.testing.brokers.error_only", {}).publish_message("c", "m"))
    registry = DispatcherMethodRegistry()
    task(registry=registry)(function)
    for name in (__name__ + ".function", "os.path.join", "os.nosuch", "nodot"):
        for allowed in (True, False):
            say("registry %s %s" % (name, allowed), lambda: registry.get_method(name, allow_unregistered=allowed).serialize_task())
    say("callable", lambda: [registry.get_from_callable(function).serialize_task(), sorted(registry.lookup_dict)])
    say("unmarked", lambda: registry.get_from_callable(len))


logging.disable(logging.CRITICAL)
sys.modules["compare.broker"] = sys.modules[__name__]
for part in (messages, chunks, accumulators, configurations, choices, postgres, controls, workers, small_things):
    NUMBERS = itertools.count(1)
    print("# " + part.__name__)
    part()
print(json.dumps(os.path.dirname(sys.modules["dispatcherd"].__file__)))
