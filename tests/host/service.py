"""Ways to use a service that runs: its answers, and tasks of the project that count."""
import json
import os
import shutil

from steps import alive, equal, run, until, write

CONFIG = "/etc/dispatcherd/dispatcherd.toml"
OUT = "/srv/app/out"


def project():
    """Put the project in its place, with a directory that its tasks may write to."""
    shutil.copytree("project", "/srv/app")
    os.mkdir(OUT)
    run(f"chmod 1777 {OUT}")


def ctl(arguments, config=CONFIG):
    """What dispatcherctl answers to ARGUMENTS."""
    return json.loads(run(f"dispatcherctl --config {config} --output json --timeout 30 {arguments}"))[0]


def who():
    """What the task of that name returns."""
    text = run(f"dispatcherctl --config {CONFIG} --output json --timeout 30 run app.tasks.who --wait")
    verdict = json.loads(text.partition("\n")[2])  # the first line is the uuid
    equal(verdict["outcome"], "succeeded")
    return verdict["result"]


def count(name, config=CONFIG):
    """Start the task that counts, with NAME for its uuid; the pid of its worker."""
    run(f"dispatcherctl --config {config} --timeout 30 run app.tasks.count --uuid {name} --kwarg name=\\\"{name}\\\"")
    until(lambda: numbers(name), f"{name} counts")
    with open(f"{OUT}/{name}", encoding="ascii") as file:
        return int(file.readline())


def numbers(name):
    """The last number that the task NAME has counted to, 0 before the first."""
    try:
        with open(f"{OUT}/{name}", encoding="ascii") as file:
            lines = file.read().split("\n")[1:-1]
    except FileNotFoundError:
        return 0
    return int(lines[-1]) if lines else 0


def goes_on(name, pid):
    """See that the task NAME is in its process PID still, and counts."""
    seen = numbers(name)
    until(lambda: numbers(name) > seen, f"{name} counts on")
    equal(alive(pid), True)


def end(name):
    """Let the task NAME end."""
    write(f"{OUT}/{name}.end", "")
