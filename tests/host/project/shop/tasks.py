"""The tasks of the guide's project."""
import os
import pwd
import time

from dispatcherd.publish import task

PLACE = "/srv/shop/out"


@task()
def greet():
    """The user that the task runs as, and whether it may gain privileges."""
    with open("/proc/self/status", encoding="ascii") as file:
        fixed = "NoNewPrivs:\t1\n" in file.read()
    return {"user": pwd.getpwuid(os.getuid()).pw_name, "may_gain_privileges": not fixed}


@task()
def hold(name):
    """Write down the process, and go on until there is a file NAME.end."""
    path = f"{PLACE}/{name}"
    with open(path, "w", encoding="ascii") as file:
        file.write(f"{os.getpid()}\n")
    print(f"{name} is held", flush=True)
    while not os.path.exists(path + ".end"):
        time.sleep(0.05)
