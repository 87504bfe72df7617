"""Tasks that read the settings of the library, and a preload that has settings of its own."""

import os

from dispatcherd import config
from dispatcherd.publish import task

if os.environ.get("OWN_SETTINGS"):
    config.setup(config={"version": 2, "brokers": {"socket": {"socket_path": "own.sock"}}})


@task()
def brokers():
    """Return the brokers of the settings."""
    return config.settings.brokers


@task()
def traces():
    """Return this process's environment and arguments, and its parents' arguments, as one text."""
    found = [repr(dict(os.environ))]
    for pid in (os.getpid(), os.getppid()):
        with open("/proc/%d/cmdline" % pid, "rb") as stream:
            found.append(repr(stream.read()))
    with open("/proc/self/environ", "rb") as stream:
        found.append(repr(stream.read()))
    return "\n".join(found)
