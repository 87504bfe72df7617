"""The units of packaging/systemd, taken through their life with a fake in dispatcherd's place.

A task prints a number every 10 ms from the first step that needs it to the last.
"""
import glob
import os
import re
import shutil
import signal

from install import UNITS, install
from steps import (alive, as_user, ask, contains, drop_in, equal, fails, finish, journal, main, manager, note,
                   pids_of, run, show, state, step, until, write)

CONTROL = "/run/dispatcherd/dispatcherd.sock"
CONFIG = "/etc/dispatcherd/dispatcherd.toml"
task = None  # the pid of the task that prints


def ticks(pid):
    """The numbers that the task PID has printed, as the journal has them."""
    found = []
    for line in journal("dispatcherd-workers", f"^tick {pid} "):
        found.append(int(line.split()[2]))
    return found


def goes_on(pid):
    """See that the task PID is there and prints still, and has left out nothing."""
    before = ticks(pid)
    after = until(lambda: [n for n in ticks(pid) if n > before[-1]], f"task {pid} prints on")
    equal(alive(pid), True)
    equal(before + after, list(range(1, after[-1] + 1)))


def start_task():
    """Start a task that prints, and wait for its first line; its pid."""
    pid = int(ask(CONTROL, "task"))
    until(lambda: ticks(pid), "the task prints")
    return pid


@step
def units():
    """the units are installed, with users and directories"""
    install("fake")
    write(CONFIG, "good, and secret\n", 0o640, "dispatcherd")
    write("/etc/credstore/dispatcherd.pg", "the password\n", 0o600)


@step
def verify():
    """systemd-analyze verify has nothing to say"""
    names = [os.path.basename(unit).replace("@.", "@postgres.") for unit in UNITS]
    equal(run("systemd-analyze verify --man=no " + " ".join(names)), "")


@step
def security():
    """systemd-analyze security: the daemon at most 1.5, the workers 2.0"""
    for unit, most in ("dispatcherd.service", 1.5), ("dispatcherd@.service", 1.5), \
                      ("dispatcherd-workers.service", 2.0), ("dispatcherd-workers@.service", 2.0):
        text = run(f"systemd-analyze security --offline=true --no-pager --threshold={round(most * 10)} systemd/{unit}")
        note(f"{unit} {re.search('level for .*: ([0-9.]+)', text)[1]}")


@step
def activation():
    """a connection from cold starts the daemon and is answered"""
    run("systemctl start dispatcherd.socket")
    equal(state("dispatcherd.service"), "inactive")
    equal(ask(CONTROL, "ping", 60), "here")


@step
def status():
    """both are active, with their words in the status"""
    equal(state("dispatcherd"), "active")
    equal(show("dispatcherd", "StatusText"), "the first is up")
    equal(show("dispatcherd-workers", "StatusText"), "the first holds")
    equal(run("stat -c %U:%G:%a " + CONTROL), "root:dispatcherd:660")
    equal(run("stat -c %U:%G:%a /run/dispatcherd/supervisor.sock"), "dispatcherd:dispatcherd:600")


@step
def first_task():
    """a task prints in a control group of its own, in the unit of the workers"""
    global task
    task = start_task()
    with open(f"/proc/{task}/cgroup", encoding="ascii") as file:
        group = file.read().strip().split("::")[1]
    equal(os.path.dirname(group), "/dispatcherd.slice/dispatcherd-workers.service")
    with open(f"/sys/fs/cgroup{group}/memory.max", encoding="ascii") as file:
        equal(file.read().strip(), str(40 << 20))
    equal(task in pids_of("dispatcherd-workers"), True)
    contains(run("systemctl status --no-pager dispatcherd-workers"), "tick")


@step
def memory():
    """a worker that takes too much memory ends alone"""
    holder = main("dispatcherd-workers")
    pid = int(ask(CONTROL, "memory"))
    until(lambda: f"task {pid} has ended" in journal("dispatcherd-workers"), "the worker is gone")
    equal(main("dispatcherd-workers"), holder)
    goes_on(task)


@step
def restart():
    """restart: a new daemon, the same supervisor, and the task prints on"""
    daemon, holder = main("dispatcherd"), main("dispatcherd-workers")
    run("systemctl restart dispatcherd")
    equal(main("dispatcherd") == daemon, False)
    equal(main("dispatcherd-workers"), holder)
    equal(journal("dispatcherd", "^leaving"), ["leaving, for the job is a restart"])
    goes_on(task)


@step
def bad_configuration():
    """restart with a bad configuration: it fails, is tried again, and recovers when mended"""
    holder = main("dispatcherd-workers")
    write(CONFIG, "bad\n", 0o640, "dispatcherd")
    answer = fails("systemctl restart dispatcherd")
    contains(answer, "failed")
    until(lambda: int(show("dispatcherd", "NRestarts")) >= 4, "four starts have failed", 90)
    until(lambda: "the configuration is bad" in run("systemctl status --no-pager dispatcherd", check=False), "the status has the reason")
    goes_on(task)
    write(CONFIG, "good, and secret\n", 0o640, "dispatcherd")
    until(lambda: state("dispatcherd") == "active", "it is up again", 60)
    equal(main("dispatcherd-workers"), holder)
    goes_on(task)


@step
def waiting_client():
    """a client that waits while the configuration is bad is answered when it is mended"""
    write(CONFIG, "bad\n", 0o640, "dispatcherd")
    fails("systemctl restart dispatcherd")
    client = os.fork()
    if client == 0:
        os._exit(ask(CONTROL, "ping", 120) != "here")
    seen = int(show("dispatcherd", "NRestarts"))
    until(lambda: int(show("dispatcherd", "NRestarts")) >= seen + 2, "two more starts have failed", 60)
    equal(state("dispatcherd.socket"), "active")
    write(CONFIG, "good, and secret\n", 0o640, "dispatcherd")
    equal(os.waitpid(client, 0)[1], 0)
    goes_on(task)


@step
def killed_daemon():
    """kill -9 of the daemon: a new one, and the task prints on"""
    daemon, holder = main("dispatcherd"), main("dispatcherd-workers")
    os.kill(daemon, signal.SIGKILL)
    until(lambda: state("dispatcherd") == "active" and main("dispatcherd") != daemon, "a new daemon is up")
    equal(main("dispatcherd-workers"), holder)
    equal(ask(CONTROL, "ping"), "here")
    goes_on(task)


@step
def watchdog():
    """a daemon that is stuck is ended by the watchdog, and the task prints on"""
    drop_in("dispatcherd.service", "[Service]\nWatchdogSec=5\n")
    run("systemctl restart dispatcherd")
    daemon, holder = main("dispatcherd"), main("dispatcherd-workers")
    try:
        ask(CONTROL, "stick", 60)
    except OSError:
        pass
    until(lambda: state("dispatcherd") == "active" and main("dispatcherd") != daemon, "a new daemon is up", 60)
    equal(len(manager("dispatcherd", "Watchdog timeout")), 1)
    drop_in("dispatcherd.service", "")
    equal(main("dispatcherd-workers"), holder)
    goes_on(task)


@step
def upgrade():
    """upgrade: new units and programs, daemon-reload, restart, and the task prints on"""
    holder = main("dispatcherd-workers")
    run("sed -i 's/^VERSION = .*/VERSION = \"second\"/' /usr/bin/dispatcherd")
    run("sed -i 's/^Description=.*/& (the second)/' /usr/lib/systemd/system/dispatcherd*")
    run("systemctl daemon-reload && systemctl try-restart dispatcherd")
    equal(show("dispatcherd", "StatusText"), "the second is up")
    equal(show("dispatcherd-workers", "StatusText"), "the first holds")
    equal(show("dispatcherd-workers", "Description").endswith("(the second)"), True)
    equal(main("dispatcherd-workers"), holder)
    goes_on(task)


@step
def secrets():
    """the tasks' user can read nothing of the daemon, and not signal it"""
    daemon = main("dispatcherd")
    secret = f"/proc/{daemon}/root/run/credentials/dispatcherd.service/pg"
    equal(run(f"cat {secret}"), "the password")  # the door that is tried is there
    for path in secret, f"/proc/{daemon}/environ", f"/proc/{daemon}/mem", f"/proc/{daemon}/maps", \
            CONFIG, "/run/credentials/dispatcherd.service/pg", "/etc/credstore/dispatcherd.pg":
        contains(fails(as_user("dispatcherd-tasks", f"head -c 1 {path}")), "Permission denied")
    for command in f"ls /proc/{daemon}/fd", f"ls /proc/{daemon}/cwd/", "ls /var/lib/dispatcherd", \
            f"/bin/kill -0 {daemon}", "touch /run/dispatcherd/x":
        fails(as_user("dispatcherd-tasks", command))
    for path in CONTROL, "/run/dispatcherd/supervisor.sock":
        contains(fails(as_user("dispatcherd-tasks", f"python3 {os.getcwd()}/reach.py {path}")), "PermissionError")
    run(as_user("dispatcherd", f"python3 {os.getcwd()}/reach.py {CONTROL}"))


@step
def no_credential():
    """without the file of the credential it starts"""
    os.rename("/etc/credstore/dispatcherd.pg", "/root/pg")
    run("systemctl restart dispatcherd")
    os.rename("/root/pg", "/etc/credstore/dispatcherd.pg")
    goes_on(task)


@step
def killed_supervisor():
    """kill -9 of the supervisor: its tasks go with it, a new one comes, the daemon stays"""
    global task
    daemon, holder = main("dispatcherd"), main("dispatcherd-workers")
    os.kill(holder, signal.SIGKILL)
    until(lambda: not alive(task), "the task is gone")
    until(lambda: state("dispatcherd-workers") == "active" and main("dispatcherd-workers") != holder, "a new supervisor is up")
    equal(ask(CONTROL, "ping"), "here")
    equal(main("dispatcherd"), daemon)
    task = start_task()


@step
def broken_supervisor():
    """a supervisor that cannot start is tried again, and is there when it is mended"""
    global task
    daemon, holder = main("dispatcherd"), main("dispatcherd-workers")
    os.rename("/usr/bin/dispatcherd", "/usr/bin/dispatcherd.away")
    os.kill(holder, signal.SIGKILL)
    until(lambda: len(manager("dispatcherd-workers", "Failed with result 'exit-code'")) >= 3, "three starts have failed", 60)
    equal(main("dispatcherd"), daemon)
    os.rename("/usr/bin/dispatcherd.away", "/usr/bin/dispatcherd")
    until(lambda: state("dispatcherd-workers") == "active", "a new supervisor is up", 60)
    equal(ask(CONTROL, "ping", 60), "here")
    equal(main("dispatcherd"), daemon)
    task = start_task()


@step
def instances():
    """two instances beside each other: one stops, the other prints on"""
    for name in "one", "two":
        run(f"useradd -r {name}")
        write(f"/etc/dispatcherd/{name}.toml", "good\n", 0o640, "dispatcherd")
    run("systemctl start dispatcherd@one dispatcherd@two")
    pids = {}
    for name in "one", "two":
        pids[name] = int(ask(f"/run/dispatcherd/{name}/dispatcherd.sock", "task"))
        equal(run(f"stat -c %U /proc/{pids[name]}"), name)
    os.kill(main("dispatcherd@two"), signal.SIGKILL)
    write("/run/end.one", "")
    run("systemctl stop dispatcherd@one")
    until(lambda: state("dispatcherd-workers@one") == "inactive", "the workers of one are gone")
    equal([alive(pids["one"]), alive(pids["two"])], [False, True])
    equal(os.path.exists("/run/dispatcherd/one/dispatcherd.sock"), True)
    until(lambda: state("dispatcherd@two") == "active", "two is up again")
    equal(ask("/run/dispatcherd/two/dispatcherd.sock", "ping"), "here")
    write("/run/end.two", "")
    run("systemctl stop 'dispatcherd@*'")
    until(lambda: state("dispatcherd-workers@two") == "inactive", "the workers of two are gone")
    goes_on(task)


@step
def stop():
    """stop with a running task: it may end, and nothing is left"""
    holder = main("dispatcherd-workers")
    run("systemctl stop dispatcherd dispatcherd.socket")
    equal(journal("dispatcherd", "^leaving")[-1], "leaving, for the job is a stop")
    equal(state("dispatcherd-workers"), "deactivating")
    goes_on(task)
    write("/run/end.dispatcherd-tasks", "")
    until(lambda: state("dispatcherd-workers") == "inactive", "the workers are gone")
    equal(journal("dispatcherd-workers", "^drained|has ended$")[-2:], [f"task {task} has ended", "drained"])
    equal(show("dispatcherd-workers", "Result"), "success")
    equal([alive(holder), alive(task)], [False, False])
    run("systemctl stop dispatcherd-workers.socket 'dispatcherd-workers@*.socket'")
    equal(run("ls -R /run/dispatcherd | grep sock", check=False), "")
    equal(glob.glob("/sys/fs/cgroup/dispatcherd.slice/*.service"), [])
    equal(run("ps -o pid= -u dispatcherd -u dispatcherd-tasks", check=False), "")


@step
def relaxed():
    """relaxed.conf gives tasks sudo and namespaces, which they do not have otherwise"""
    write("/etc/sudoers.d/tasks", "dispatcherd-tasks ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    write("/usr/local/bin/try", "#!/bin/sh\nsudo -n id -u && unshare --user --map-root-user --mount id -u\n", 0o755)
    write("/etc/systemd/system/dispatcherd-workers.service.d/try.conf",
          "[Service]\nType=oneshot\nExecStart=\nExecStart=/usr/local/bin/try\n")
    run("systemctl daemon-reload")
    fails("systemctl start dispatcherd-workers")
    run("cp systemd/relaxed.conf /etc/systemd/system/dispatcherd-workers.service.d/ && systemctl daemon-reload")
    run("systemctl start dispatcherd-workers")
    equal(journal("dispatcherd-workers", "^0$"), ["0", "0"])
    equal(run("systemd-analyze verify --man=no dispatcherd-workers.service"), "")
    shutil.rmtree("/etc/systemd/system/dispatcherd-workers.service.d")
    os.remove("/etc/sudoers.d/tasks")
    run("systemctl daemon-reload && systemctl reset-failed")


finish("units")
