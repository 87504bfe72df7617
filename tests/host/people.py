"""Who may do what, crowds of clients, and what an administrator sees: journal and metrics."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import urllib.request

from install import install
from service import (BASE, CONFIG, SOCKET, configure, count, ctl, entries, goes_on, instance, nothing_left, project,
                     says, stop_all, who)
from steps import as_member, contains, equal, fails, finish, main, run, show, state, step, until

RIGHTS = BASE + '\n[control]\noperators = ["olivia"]\n'
CTL = f"dispatcherctl --config {CONFIG} --timeout 60"
HERE = os.getcwd()
page = None  # of the metrics


def uid(user):
    """The number of USER."""
    return int(run(f"id -u {user}"))


@step
def people():
    """the service runs, and there are a stranger, two members of its group, and an operator"""
    run("systemctl stop 'dispatcherd*'", check=False, seconds=120)  # of a part that was cut short
    install("bin")
    project()
    run("groupadd -r shop && useradd -r mallory && useradd -r -G dispatcherd alice")
    run("useradd -r -G dispatcherd,shop sam && useradd -r -G dispatcherd olivia")
    configure(RIGHTS)
    run("systemctl start dispatcherd.socket dispatcherd", seconds=120)


@step
def stranger():
    """a user who is not in the group can neither connect nor read the configuration"""
    contains(fails(as_member("mallory", f"python3 {HERE}/reach.py {SOCKET}")), "PermissionError")
    contains(fails(as_member("mallory", f"dispatcherctl --socket {SOCKET} alive")), "permission denied (are you in the group")
    contains(fails(as_member("mallory", f"cat {CONFIG}")), "Permission denied")


@step
def member():
    """a member of the group reads and submits; cancel, reload, set_log_level and drain are refused and logged, without arguments"""
    pid = count("guarded")
    contains(run(as_member("alice", f"{CTL} running")), "guarded")
    run(as_member("alice", f"{CTL} run app.tasks.nothing --uuid submitted --kwarg word='\"hunter2\"' --wait"))
    me = "user=alice pid="
    says("control action", "command=run", me, f"uid={uid('alice')}", "submitted")
    for command in "cancel --uuid hunter2", "cancel --all", "reload", "set_log_level --level DEBUG", "drain", "drain --resume":
        contains(fails(as_member("alice", f"{CTL} {command}")), f"it is for root, dispatcherd and control.operators (olivia), and you are alice (uid {uid('alice')})")
        says("control request is refused", f"command={command.split()[0]}", me, f"uid={uid('alice')}")
    equal(len(says("control request is refused", me)), 6)
    equal([text for text in entries() if "hunter2" in text], [])
    goes_on("guarded", pid)
    equal(ctl("status")["tasks"]["draining"], False)


@step
def operator():
    """an operator cancels, reloads, sets the level and drains, and each action is logged with who and which task"""
    me = "user=olivia pid="
    run(as_member("olivia", f"{CTL} cancel --uuid guarded"))
    says("control action", "command=cancel", me, f"uid={uid('olivia')}", "guarded")
    says("task ended", "guarded", "cancelled")
    for command in "reload", "set_log_level --level DEBUG", "set_log_level --level INFO", "drain", "drain --resume":
        run(as_member("olivia", f"{CTL} {command}"))
        says("control action", f"command={command.split()[0]}", me, f"uid={uid('olivia')}")
    who()


@step
def submitters():
    """with control.submitters a member who is none of them is refused, by run and by a bare task, and reads still"""
    configure(RIGHTS + 'submitters = ["@shop"]\n')
    run("systemctl reload dispatcherd")
    why = "it is for root, dispatcherd and control.submitters (@shop), and you are alice"
    contains(fails(as_member("alice", f"{CTL} run app.tasks.nothing")), why)
    bare = """'{"task": "app.tasks.nothing", "uuid": "bare", "kwargs": {"word": "hunter2"}}'"""
    contains(run(as_member("alice", f"python3 {HERE}/reach.py {SOCKET} {bare}")), why)
    says("task is refused", "user=alice", "bare")
    run(as_member("alice", f"{CTL} alive"))
    run(as_member("sam", f"{CTL} run app.tasks.nothing --wait"))
    equal([text for text in entries() if "hunter2" in text], [])
    configure(RIGHTS)
    run("systemctl reload dispatcherd")


@contextlib.contextmanager
def crowd(user, number):
    """NUMBER clients of USER who are connected and say nothing."""
    command = as_member(user, f"python3 {HERE}/crowd.py {SOCKET} {number}")
    with subprocess.Popen(command, shell=True, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as clients:
        equal(clients.stdout.readline(), "here\n")
        yield
        clients.stdin.close()
        equal(clients.wait(60), 0)


def descriptors(pid):
    """How many descriptors PID has open."""
    return len(os.listdir(f"/proc/{pid}/fd"))


@step
def silent():
    """1000 clients of a member say nothing: tasks run, the watchdog is fed, one line says so, and they leave no trace"""
    daemon, before = main("dispatcherd"), descriptors(main("dispatcherd"))
    with crowd("alice", 1000):
        until(lambda: descriptors(daemon) >= 1000, "all are accepted")
        who()
        fed = show("dispatcherd", "WatchdogTimestampMonotonic")
        until(lambda: show("dispatcherd", "WatchdogTimestampMonotonic") != fed, "the watchdog is fed", 60)
        equal(ctl("alive")["node_id"], "guest")
    until(lambda: descriptors(daemon) <= before + 5, "the connections are gone")
    equal(len(says("many clients are connected")), 1)
    contains(says("many clients are connected")[0], f"uid {uid('alice')}")
    equal([main("dispatcherd"), state("dispatcherd")], [daemon, "active"])


@step
def full():
    """a member who opens all the connections that there are shuts out himself, not root"""
    daemon = main("dispatcherd")
    with crowd("alice", 4100):
        contains(run(as_member("alice", f"{CTL} alive")), "too many connections")
        equal(ctl("alive")["node_id"], "guest")
    says("connection refused: too many are open", f"uid {uid('alice')}")
    until(lambda: run(as_member("alice", f"{CTL} alive"), check=False).count("guest"), "alice is answered again")
    equal(main("dispatcherd"), daemon)


def journalled(match):
    """The fields of the journal's entries of MATCH, without those of the journal itself."""
    return [json.loads(line) for line in run(f"journalctl -o json --no-pager {match}").splitlines()]


@step
def fields():
    """stdout, stderr and logging of a task are entries with its fields, levels, logger and traceback"""
    run(f"{CTL} run app.tasks.say --uuid spoken --wait")
    said = until(lambda: [e for e in journalled("DISPATCHERD_TASK_UUID=spoken") if "DISPATCHERD_STREAM" in e][3:]
                 and journalled("DISPATCHERD_TASK_UUID=spoken"), "there are four entries")
    spoken = [e for e in said if "DISPATCHERD_STREAM" in e]
    equal(sorted((e["MESSAGE"].split("\n")[0], e["DISPATCHERD_STREAM"], e["PRIORITY"], e.get("DISPATCHERD_LOGGER")) for e in spoken),
          [("by logging", "logging", "4", "app.tasks"), ("on stderr", "stderr", "6", None),
           ("on stdout", "stdout", "6", None), ("with a traceback", "logging", "3", "app.tasks")])
    contains([e["MESSAGE"] for e in spoken if e["PRIORITY"] == "3"][0], "KeyError: 'address'")
    for entry in spoken:
        equal(entry["DISPATCHERD_TASK"], "app.tasks.say")
        equal(entry["DISPATCHERD_WORKER"].isdigit(), True)
        equal(entry["_SYSTEMD_UNIT"], "dispatcherd.service")
    equal([e["DISPATCHERD_CHANNEL"].isdigit() for e in said if "DISPATCHERD_CHANNEL" in e], [True])
    contains(run(f"{CTL} logs spoken"), "with a traceback")
    fails(f"{CTL} run app.tasks.fail --uuid failing --wait")
    ended = until(lambda: journalled("DISPATCHERD_OUTCOME=failed DISPATCHERD_TASK_UUID=failing"), "its end is there")
    equal({e["DISPATCHERD_TASK"] for e in ended}, {"app.tasks.fail"})


def explained(message_id, *words):
    """Wait until journalctl -x has WORDS below the messages of MESSAGE_ID."""
    for word in words:
        until(lambda: word in run(f"journalctl -x --no-pager MESSAGE_ID={message_id}"), f"the catalog has {word!r}")


@step
def catalog():
    """journalctl -x tells the cause and what to do: a task that died, a lost supervisor, a bad configuration, a drain"""
    os.kill(count("dying"), signal.SIGKILL)
    explained("7af992d33eb34151995ca1f8f017b81a", "The process of a worker ended under the task app.tasks.count",
              "dispatcherctl logs dying")
    holder = main("dispatcherd-workers")
    os.kill(holder, signal.SIGKILL)
    until(lambda: state("dispatcherd-workers") == "active" and main("dispatcherd-workers") != holder, "a new supervisor is up", 60)
    explained("0667e75871ab4bdc8b4d0cc82e9cd5cc", "There is no connection to the supervisor", "systemctl status dispatcherd-workers")
    configure(RIGHTS + "spelt = 1\n")
    fails("systemctl reload dispatcherd")
    configure(RIGHTS)
    explained("b9838bfe576d4428af2319b4f1c2a9de", "The configuration cannot be used", "dispatcherd --check")
    who()
    stop_all()
    explained("f7c1a29a786247c2a8ccc8962a56fa68", "The service takes no more tasks")


@step
def scrape():
    """a scrape at 127.0.0.1:8070 from cold starts the service and is answered; the control socket is there, too"""
    run("systemctl start dispatcherd-metrics.socket")
    equal(state("dispatcherd"), "inactive")
    with urllib.request.urlopen("http://127.0.0.1:8070/metrics", timeout=120) as answer:
        contains(answer.read().decode(), 'dispatcherd_workers{state="ready"}')
    who()
    contains(urllib.request.urlopen("http://127.0.0.1:8070/metrics", timeout=60).read().decode(),
             'dispatcherd_tasks_ended_total{outcome="succeeded"} 1')
    stop_all()
    equal(run("ss -ltn 2>/dev/null | grep :8070", check=False), "")


@step
def scrape_instance():
    """the metrics of an instance are at its unix socket, from cold, for the group alone"""
    config = instance("amber")
    path = "/run/dispatcherd/amber/metrics.sock"
    run("systemctl start dispatcherd-metrics@amber.socket")
    equal(run(f"stat -c %U:%G:%a {path}"), "root:dispatcherd:660")
    equal(state("dispatcherd@amber"), "inactive")
    contains(fails(as_member("mallory", f"python3 {HERE}/reach.py {path}")), "PermissionError")
    with socket.socket(socket.AF_UNIX) as way:
        way.settimeout(120)
        way.connect(path)
        way.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        contains(b"".join(iter(lambda: way.recv(65536), b"")).decode(), 'dispatcherd_workers{state="ready"}')
    equal(ctl("alive", config)["node_id"], "guest")
    run("systemctl stop dispatcherd@amber.socket dispatcherd-metrics@amber.socket dispatcherd@amber", seconds=120)
    until(lambda: state("dispatcherd-workers@amber") == "inactive", "the workers of amber are gone", 60)
    nothing_left()


finish("people")
