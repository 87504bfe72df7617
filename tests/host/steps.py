"""What the host tests are made of: steps that print one line each, and ways to look.

Runs as root in the guest. A step is a function; what it raises is why it is not ok.
Nothing here waits for a time: `until` waits for a condition, with a bound.
"""
import os
import re
import socket
import subprocess
import sys
import time
import traceback

counts = {"ok": 0, "not ok": 0}


def step(function):
    """Run FUNCTION now and print its docstring as the step's line."""
    title = function.__doc__.strip().split("\n")[0].rstrip(".")
    start = time.monotonic()
    why = ""
    try:
        function()
        verdict = "ok"
    except Exception as problem:  # whatever it is, the next steps run
        verdict = "not ok"
        where = traceback.extract_tb(problem.__traceback__)[-1]
        here = [f for f in traceback.extract_tb(problem.__traceback__) if f.name == function.__name__]
        where = here[-1] if here else where
        why = f"\n    line {where.lineno}, {where.line}\n    {type(problem).__name__}: {problem}"
    counts[verdict] += 1
    print(f"{verdict:6} {time.monotonic() - start:6.1f} s  {title}{why}", flush=True)
    return function


def finish(name):
    """Print the count and leave with the verdict."""
    print(f"{name}: {counts['ok']} ok, {counts['not ok']} not ok", flush=True)
    sys.exit(1 if counts["not ok"] or not counts["ok"] else 0)


def note(text):
    """Print a figure that a step has seen."""
    print(f"       {text}", flush=True)


def run(command, check=True, seconds=90):
    """The output of COMMAND, a shell's line; it raises if that fails, unless CHECK is off."""
    done = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds, check=False)
    if check and done.returncode:
        raise AssertionError(f"{command}: exit status {done.returncode}: {done.stdout.strip()}")
    return done.stdout.strip()


def fails(command, seconds=90):
    """The output of COMMAND, which has to fail."""
    done = subprocess.run(command, shell=True, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds, check=False)
    if not done.returncode:
        raise AssertionError(f"{command} succeeded: {done.stdout.strip()}")
    return done.stdout.strip()


def until(condition, what, seconds=30):
    """Wait until CONDITION() is true, at most SECONDS; it is what is returned."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {seconds} s still not so: {what}")
        time.sleep(0.1)


def equal(got, want):
    """Raise unless GOT is WANT."""
    if got != want:
        raise AssertionError(f"got {got!r}, want {want!r}")


def contains(text, part):
    """Raise unless PART is in TEXT."""
    if part not in text:
        raise AssertionError(f"no {part!r} in {text!r}")


def show(unit, name):
    """A property of UNIT."""
    return run(f"systemctl show -P {name} {unit}")


def state(unit):
    """The ActiveState of UNIT."""
    return show(unit, "ActiveState")


def main(unit):
    """The pid of UNIT's main process, which has to be there."""
    pid = int(show(unit, "MainPID"))
    if not pid:
        raise AssertionError(f"{unit} has no main process; it is {state(unit)}")
    return pid


def alive(pid):
    """Whether the process PID is there, and is no zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def pids_of(unit):
    """The processes in UNIT's control group and those below it."""
    group = "/sys/fs/cgroup" + show(unit, "ControlGroup")
    found = []
    for directory, _, files in os.walk(group):
        if "cgroup.procs" in files:
            with open(directory + "/cgroup.procs", encoding="ascii") as file:
                found += [int(pid) for pid in file.read().split()]
    return found


def ask(path, order, seconds=30):
    """The answer on a stream socket at PATH to the line ORDER."""
    with socket.socket(socket.AF_UNIX) as way:
        way.settimeout(seconds)
        way.connect(path)
        way.sendall(order.encode() + b"\n")
        return way.recv(1000).decode().strip()


read = {}  # by match, the messages that were read already


def messages(match, pattern):
    """The journal's messages of MATCH, one field's value, that match PATTERN, oldest first."""
    # One field alone: -u asks for several, and after a cursor leaves out some entries then.
    lines = run(f"journalctl -o cat --no-pager {match} --cursor-file=/run/read.{match}", check=False).splitlines()
    read.setdefault(match, []).extend(line for line in lines if line != "-- No entries --")
    return [line for line in read[match] if re.search(pattern, line)]


def journal(unit, pattern=""):
    """What the service UNIT has said that matches PATTERN."""
    return messages(f"_SYSTEMD_UNIT={unit}.service", pattern)


def manager(unit, pattern=""):
    """What the service manager has said of the service UNIT that matches PATTERN."""
    return messages(f"UNIT={unit}.service", pattern)


def write(path, text, mode=0o644, group="root"):
    """Write TEXT to the file PATH, for GROUP."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    run(f"chgrp {group} {path}")


def drop_in(unit, text):
    """Change UNIT by a drop-in TEXT; an empty one takes it away."""
    path = f"/etc/systemd/system/{unit}.d/test.conf"
    if text:
        write(path, text)
    elif os.path.exists(path):
        os.remove(path)
    run("systemctl daemon-reload")


def as_user(user, command):
    """COMMAND, run by USER and none of root's groups."""
    return f"setpriv --reuid={user} --regid={user} --clear-groups {command}"


def as_member(user, command):
    """COMMAND, run by USER with all the groups that the user is a member of."""
    return f"setpriv --reuid={user} --regid={user} --init-groups {command}"
