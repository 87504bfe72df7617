"""Ways to use a service that runs: its answers, and tasks of the project that count."""
import json
import os
import re
import shutil
import socket

from steps import alive, contains, equal, run, show, state, until, write

CONFIG = "/etc/dispatcherd/dispatcherd.toml"
SOCKET = "/run/dispatcherd/dispatcherd.sock"
OUT = "/srv/app/out"
BASE = """version = 2
node_id = "guest"

[pool]
min_workers = 2
max_workers = 4
shutdown_grace = "60s"

[worker]
pythonpath = ["/srv/app"]
tasks_allow = ["app.*"]

[brokers.socket]
path = "/run/dispatcherd/dispatcherd.sock"

[supervisor]
socket = "/run/dispatcherd/supervisor.sock"
"""


def configure(text, path=CONFIG):
    """Make TEXT the configuration in the file PATH."""
    write(path, text, 0o640, "dispatcherd")


def instance(name):
    """A user NAME, and the configuration of an instance for it; the path of that."""
    run(f"useradd -r {name}")
    config = f"/etc/dispatcherd/{name}.toml"
    configure(BASE.replace("/run/dispatcherd/", f"/run/dispatcherd/{name}/"), config)
    return config


def project():
    """Put the project in its place, with a directory that its tasks may write to."""
    if not os.path.exists(OUT):  # by a part before this one
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


def ended(name):
    """Let the task NAME end, and wait until the daemon knows of it."""
    contains(json.dumps(ctl("running")), name)
    end(name)
    until(lambda: name not in json.dumps(ctl("running")), f"{name} has ended")


logged = []  # by entries()


def entries():
    """What the daemon's journal has, as texts of all the fields of an entry."""
    lines = run("journalctl -o json --no-pager _SYSTEMD_UNIT=dispatcherd.service --cursor-file=/run/read.entries", check=False).splitlines()
    for line in lines:
        if line.startswith("{"):
            entry = json.loads(line)
            logged.append(" ".join(str(value) for key, value in entry.items() if not key.startswith("_")))
    return logged


def says(*words):
    """Wait until there is an entry with all WORDS; all there are."""
    return until(lambda: [text for text in entries() if all(word in text for word in words)],
                 f"the journal has {words}")


def failed(unit, code, reason):
    """Wait until UNIT has ended with the exit code CODE, and has REASON in its status."""
    until(lambda: show(unit, "ExecMainStatus") == str(code), f"the exit code of {unit} is {code}", 60)
    until(lambda: reason in run(f"systemctl status --no-pager {unit}", check=False), f"the status of {unit} has {reason!r}", 60)


def stop_all():
    """Stop the service, and see that nothing is left of it."""
    run("systemctl stop dispatcherd.socket dispatcherd-metrics.socket dispatcherd", seconds=120)
    nothing_left()


def nothing_left():
    """See that no process, socket or control group is left once the service has been stopped."""
    until(lambda: state("dispatcherd-workers") == "inactive", "the workers are gone", 60)
    run("systemctl stop 'dispatcherd*.socket'")
    equal(run("find /run/dispatcherd -type s"), "")
    equal(run("find /sys/fs/cgroup/dispatcherd.slice -mindepth 1 -type d", check=False).startswith("/"), False)
    equal(run("ps -o pid= -u dispatcherd -u dispatcherd-tasks", check=False), "")


class Refused(Exception):
    """The daemon does not take the task, for the reason that it gives."""


def answers(way):
    """The objects that come on the connection WAY; a long one comes in parts, one after another."""
    parts = {}
    for line in way.makefile(encoding="utf-8"):
        answer = json.loads(line)
        if "__dispatcherd_chunk__" in answer:
            parts[answer["index"]] = answer["payload"]
            if len(parts) < answer["total"]:
                continue
            answer = json.loads("".join(parts[index] for index in sorted(parts)))
            parts.clear()
        yield answer


def connect(config, seconds):
    """A connection to the daemon of the file CONFIG."""
    with open(config, encoding="utf-8") as file:
        path = re.search('^path = "(.*)"', file.read(), re.MULTILINE)[1]
    way = socket.socket(socket.AF_UNIX)
    way.settimeout(seconds)
    way.connect(path)
    return way


def message(task, kwargs, **options):
    """The message of TASK, with those OPTIONS that are given."""
    return {"task": task, "kwargs": kwargs, **{key: value for key, value in options.items() if value is not None}}


def verdict(task, config=CONFIG, *, limits=None, timeout=None, uuid=None, patience=120, **kwargs):
    """Run TASK, and return how it has ended. Raises Refused."""
    with connect(config, patience) as way:
        data = message(task, kwargs, limits=limits, timeout=timeout, uuid=uuid)
        way.sendall(json.dumps({"control": "run", "reply_to": "me", "wait": True, "control_data": data}).encode() + b"\n")
        for answer in answers(way):
            if "error" in answer:
                raise Refused(answer["error"])
            if "ended" in answer:
                return answer["ended"]
    raise AssertionError(f"the daemon has not told how {task} ended")


def submit(task, config=CONFIG, *, limits=None, timeout=None, uuid=None, **kwargs):
    """Send TASK as a project does, which hears nothing of it."""
    with connect(config, 30) as way:
        way.sendall(json.dumps(message(task, kwargs, limits=limits, timeout=timeout, uuid=uuid)).encode() + b"\n")


def whereabouts(name):
    """The process that has written its number to the file NAME; None without."""
    try:
        with open(f"{OUT}/{name}", encoding="ascii") as file:
            return int(file.readline())
    except FileNotFoundError:
        return None
