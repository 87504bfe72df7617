"""The tasks of the host tests."""
import logging
import os
import sys
import time

from dispatcherd.publish import task

PLACE = os.environ.get("APP_OUT", "/srv/app/out")
log = logging.getLogger(__name__)


@task()
def who():
    """The user and the control group of the worker."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        return {"uid": os.getuid(), "group": file.read().strip().split("::")[1]}


@task()
def count(name):
    """Print a number every 10 ms, and write it down, until there is a file NAME.end."""
    number = 0
    path = f"{PLACE}/{name}"
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
        while not os.path.exists(path + ".end"):
            number += 1
            print(f"{name} {number}", flush=True)
            file.write(f"{number}\n")
            file.flush()
            time.sleep(0.01)
    return number


@task()
def say():
    """Speak in each of the ways that a task has."""
    print("on stdout")
    print("on stderr", file=sys.stderr)
    log.warning("by logging")
    try:
        {}["address"]
    except KeyError:
        log.exception("with a traceback")


@task()
def fail():
    """Raise."""
    raise ValueError("it could not be done")


@task()
def nothing(word=""):
    """Nothing."""
