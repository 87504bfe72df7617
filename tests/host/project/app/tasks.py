"""The tasks of the host tests."""
import os
import time

from dispatcherd.publish import task

PLACE = os.environ.get("APP_OUT", "/srv/app/out")


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
