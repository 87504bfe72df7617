"""Where the stand-ins of the products write down what happens in them, as lines of JSON."""

import json
import os
import time


def note(kind, **facts):
    line = json.dumps({"kind": kind, **facts}, sort_keys=True) + "\n"
    descriptor = os.open(os.environ["CONSUMER_RECORD"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())  # at once, so that lines of several processes stay whole
    finally:
        os.close(descriptor)


def wait(kind, **facts):
    """Waits until that is written down."""
    wanted = {"kind": kind, **facts}
    deadline = time.monotonic() + float(os.environ.get("CONSUMER_BOUND", 60))
    while True:
        for line in noted():
            if wanted.items() <= line.items():
                return
        if time.monotonic() > deadline:
            raise SystemExit("nobody has noted %s" % wanted)
        time.sleep(0.02)


def noted():
    """All that is written down."""
    try:
        with open(os.environ["CONSUMER_RECORD"]) as lines:
            return [json.loads(line) for line in lines if line.endswith("\n")]
    except FileNotFoundError:
        return []


def answer(what, value):
    """Prints what a program of the product has got."""
    print(json.dumps([what, value], sort_keys=True), flush=True)
