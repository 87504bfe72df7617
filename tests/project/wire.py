"""Publishes and asks with a dispatcherd library, and prints what is on the wire.

The arguments are where a database is and a path for a socket. Run once with the original and once
with ours, the output must be the same: the clock stands still and the uuids are counted.
"""

import asyncio
import itertools
import json
import socket
import sys
import threading
import time
import uuid

NUMBERS = itertools.count(1)
uuid.uuid4 = lambda: uuid.UUID(int=next(NUMBERS))
time.time = lambda: 1700000000.25

import psycopg  # noqa: E402
from dispatcherd.config import temporary_settings  # noqa: E402
from dispatcherd.factories import get_control_from_settings, get_publisher_from_settings  # noqa: E402
from dispatcherd.processors.delayer import Delayer  # noqa: E402
from dispatcherd.publish import submit_task, task  # noqa: E402

CONNINFO, PATH = sys.argv[1:]
PARTS = []


@task(timeout=5, on_duplicate="serial")
def job(*args, **kwargs):
    """Never run here."""


def publish():
    """Send in every way; return nothing."""
    job.delay()
    job.delay(1, "ü😀\u2028\"\\", a=[None, True, 1.5])
    job.apply_async(args=[1], uuid="u", timeout=2, processor_options=[Delayer.Params(delay=3)])
    submit_task(publish, kwargs={"long": "x\"ü" * 3000})
    publisher = get_publisher_from_settings()
    publisher.publish_message(message="lambda: 5")
    asyncio.run(publisher.apublish_message(message=json.dumps({"long": "😀" * 5000}, ensure_ascii=False)))
    control = get_control_from_settings()
    control.control("cancel", data={"uuid": "ü"})
    control.control("alive")


def without_limit(text):
    """Return a text; of a chunk, the envelope, and with the last one the whole: ours are cut a byte sooner."""
    if "__dispatcherd_chunk__" not in text:
        return text
    chunk = json.loads(text)
    PARTS.append(chunk.pop("payload"))
    whole = "".join(PARTS)
    if chunk["index"] + 1 < chunk["total"]:
        return list(chunk.items())
    PARTS.clear()
    return [*chunk.items(), whole]


def over_postgres():
    with psycopg.connect(CONNINFO, autocommit=True) as observer:
        observer.execute("LISTEN wire")
        section = {"config": {"conninfo": CONNINFO}, "default_publish_channel": "wire"}
        with temporary_settings({"version": 2, "brokers": {"pg_notify": section}}):
            publish()
        observer.execute("NOTIFY wire, 'end'")
        for notify in observer.notifies(timeout=30):
            if notify.payload == "end":
                return
            print(json.dumps(without_limit(notify.payload)))


def over_the_socket():
    """Be the service; all connections but the last, which sends "end", belong to `publish`."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(PATH)
        listener.listen()
        received = []

        def serve():
            while not received or received[-1] != b"end":
                with listener.accept()[0] as client, client.makefile("rb") as stream:
                    received.append(stream.read())

        thread = threading.Thread(target=serve)
        thread.start()
        with temporary_settings({"version": 2, "brokers": {"socket": {"socket_path": PATH}}}):
            publish()
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(PATH)
            last.sendall(b"end")
        thread.join()
        for text in received:
            print(json.dumps(text.decode()))


over_postgres()
over_the_socket()
print(sys.modules["dispatcherd"].__file__)
