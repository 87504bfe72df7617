"""The programs themselves in their units: a project's tasks, by the socket and by Postgres."""
import json
import os
import re
import shutil
import signal

from install import install
from service import (BASE, CONFIG, OUT, configure, count, ctl, end, entries, failed, goes_on, instance, nothing_left, numbers,
                     project, says, who)
from steps import (alive, as_user, contains, drop_in, equal, fails, finish, journal, main, manager, pids_of,
                   run, show, state, step, until, write)

GOOD = BASE + """
[brokers.pg_notify]
conninfo = "host=/run/postgresql dbname=postgres user=dispatcherd"
channels = ["app_tasks"]
"""
# As PostgreSQL's own packages name it.
POSTGRES = "postgresql@15-main"


def status_is(pattern, seconds=60):
    """Wait until PATTERN is in the status line of the daemon."""
    try:
        until(lambda: pattern in show("dispatcherd", "StatusText"), f"the status says {pattern!r}", seconds)
    except AssertionError as problem:
        raise AssertionError(f"{problem}; it says {show('dispatcherd', 'StatusText')!r}") from None


@step
def programs():
    """the programs and their units are installed, and a project"""
    install("bin")
    project()
    configure(GOOD)
    run(as_user("dispatcherd", f"dispatcherd --check --config {CONFIG}"))


@step
def activation():
    """a client from cold starts the service and is answered, with Postgres away"""
    run("systemctl start dispatcherd.socket")
    equal(state("dispatcherd"), "inactive")
    equal(ctl("alive")["node_id"], "guest")
    run("systemctl start dispatcherd")
    equal(state("dispatcherd"), "active")
    status_is("2 workers, 0 running, 0 queued; postgres: away")


@step
def by_socket():
    """a task through the socket runs as the tasks' user, in a control group of its own"""
    result = who()
    equal(result["uid"], int(run("id -u dispatcherd-tasks")))
    unit, _, worker = result["group"].rpartition("/")
    equal(unit, "/dispatcherd.slice/dispatcherd-workers.service")
    equal(bool(worker), True)


@step
def by_postgres():
    """Postgres comes up, and a task through NOTIFY runs"""
    run(f"systemctl start {POSTGRES}", seconds=120)
    run("runuser -u postgres -- createuser dispatcherd")
    status_is("postgres: connected")
    message = json.dumps({"uuid": "notified", "task": "app.tasks.count", "kwargs": {"name": "notified"}})
    write("/tmp/notify", f"NOTIFY app_tasks, '{message}';")
    run("runuser -u postgres -- psql -q -f /tmp/notify")
    until(lambda: numbers("notified"), "the task counts")
    status_is("1 running")
    end("notified")
    status_is("0 running")


@step
def postgres_away():
    """Postgres is stopped and started, and tasks come through again"""
    run(f"systemctl stop {POSTGRES}", seconds=120)
    status_is("postgres: away")
    equal(state("dispatcherd"), "active")
    run(f"systemctl start {POSTGRES}", seconds=120)
    status_is("postgres: connected")
    os.remove(OUT + "/notified.end")
    os.remove(OUT + "/notified")
    run("runuser -u postgres -- psql -q -f /tmp/notify")
    until(lambda: numbers("notified"), "the task counts")
    end("notified")
    status_is("0 running")


@step
def credential():
    """a password of Postgres that is the unit's credential, first missing, then there; tasks cannot read it"""
    secret, loaded = "the:password of \\'guest", "/etc/credstore/dispatcherd.pg"
    if os.path.exists(loaded):
        os.remove(loaded)
    quoted = secret.replace("'", "''")
    write("/tmp/role", f"ALTER ROLE dispatcherd PASSWORD '{quoted}';")
    run("runuser -u postgres -- psql -q -f /tmp/role")
    # Debian's Postgres asks for a password (scram-sha-256) wherever it is not asked by its socket.
    configure(GOOD.replace('host=/run/postgresql dbname=postgres user=dispatcherd"',
                           'host=127.0.0.1 dbname=postgres user=dispatcherd"\npassfile = "credential:pg"'))
    pid, holder = count("trusted"), main("dispatcherd-workers")
    fails("systemctl restart dispatcherd")
    failed("dispatcherd", 78, "the credential pg is not there")
    write(loaded, secret + "\n", 0o600)
    until(lambda: state("dispatcherd") == "active", "it is up by itself", 60)
    status_is("postgres: connected")
    equal(main("dispatcherd-workers"), holder)
    goes_on("trusted", pid)
    fails(as_user("dispatcherd-tasks", "cat /run/credentials/dispatcherd.service/pg"))
    for process in pids_of("dispatcherd") + pids_of("dispatcherd-workers"):
        for file in "cmdline", "environ":
            with open(f"/proc/{process}/{file}", "rb") as text:
                equal(secret.encode() in text.read(), False)
    equal([text for text in entries() if secret in text], [])
    end("trusted")
    until(lambda: not alive(pid), "the task has ended")
    configure(GOOD)
    run("systemctl restart dispatcherd")
    status_is("postgres: connected")
    os.remove(loaded)


def ended_by_itself(name, pid):
    """Let the task NAME of an earlier daemon end, and see that this one knows of it."""
    contains(json.dumps(ctl("running")), name)
    end(name)
    until(lambda: not alive(pid), f"the worker of {name} has ended")
    says("task ended", name, "succeeded")
    who()


def printed(name):
    """The numbers of the task NAME in the journal, in order: while there is no daemon, its
    lines are the supervisor's to log."""
    lines = journal("dispatcherd") + journal("dispatcherd-workers")
    found = [re.search(rf"\b{name} (\d+)\b", text) for text in lines]
    return sorted(int(match[1]) for match in found if match)


@step
def restart():
    """restart with a running task, which goes on to its end in its process"""
    pid, daemon, holder = count("restarted"), main("dispatcherd"), main("dispatcherd-workers")
    run("systemctl restart dispatcherd")
    equal(main("dispatcherd") == daemon, False)
    equal(main("dispatcherd-workers"), holder)
    goes_on("restarted", pid)
    ended_by_itself("restarted", pid)
    last = numbers("restarted")
    until(lambda: last in printed("restarted"), f"its last line, {last}, is in the journal")
    equal(printed("restarted"), list(range(1, last + 1)))


@step
def killed_daemon():
    """kill -9 of the daemon with a running task, which goes on to its end"""
    pid, daemon, holder = count("survivor"), main("dispatcherd"), main("dispatcherd-workers")
    os.kill(daemon, signal.SIGKILL)
    until(lambda: state("dispatcherd") == "active" and main("dispatcherd") != daemon, "a new daemon is up", 60)
    equal(main("dispatcherd-workers"), holder)
    goes_on("survivor", pid)
    ended_by_itself("survivor", pid)


@step
def bad_configuration():
    """restart with a typo in the configuration: one clear line, the task goes on, and mended it is up"""
    pid, holder = count("patient"), main("dispatcherd-workers")
    configure(GOOD.replace("max_workers", "max_wokers"))
    fails("systemctl restart dispatcherd")
    until(lambda: int(show("dispatcherd", "NRestarts")) >= 3, "three starts have failed", 60)
    failed("dispatcherd", 78, "max_wokers")
    goes_on("patient", pid)
    configure(GOOD)
    until(lambda: state("dispatcherd") == "active", "it is up again", 60)
    equal(main("dispatcherd-workers"), holder)
    goes_on("patient", pid)
    ended_by_itself("patient", pid)


@step
def watchdog():
    """a daemon whose loop is stuck is ended with its stacks in the journal, and the task goes on"""
    shutil.copy("bin/dispatcherd.stick", "/usr/bin")
    drop_in("dispatcherd.service", f"[Service]\nWatchdogSec=10\nExecStart=\nExecStart=/usr/bin/dispatcherd.stick --config {CONFIG}\n")
    run("systemctl restart dispatcherd")
    pid, daemon, holder = count("watched"), main("dispatcherd"), main("dispatcherd-workers")
    os.kill(daemon, signal.SIGUSR2)
    until(lambda: manager("dispatcherd", "Watchdog timeout"), "the watchdog has seen it", 60)
    says("SIGABRT: abort")
    says("dispatch.(*Dispatcher).Run")
    drop_in("dispatcherd.service", "")
    until(lambda: state("dispatcherd") == "active" and main("dispatcherd") != daemon, "a new daemon is up", 60)
    equal(main("dispatcherd-workers"), holder)
    goes_on("watched", pid)
    ended_by_itself("watched", pid)


@step
def killed_supervisor():
    """kill -9 of the supervisor: the task ends, a new supervisor comes, the daemon stays"""
    pid, daemon, holder = count("lost"), main("dispatcherd"), main("dispatcherd-workers")
    os.kill(holder, signal.SIGKILL)
    until(lambda: not alive(pid), "the task is gone")
    until(lambda: state("dispatcherd-workers") == "active" and main("dispatcherd-workers") != holder, "a new supervisor is up", 60)
    says("task ended", "lost", "outcome=lost")
    who()
    equal(main("dispatcherd"), daemon)


@step
def instances():
    """two instances of two users beside each other: one stops, the other goes on"""
    pids = {}
    for name in "red", "blue":
        config = instance(name)
        run(f"systemctl start dispatcherd@{name}")
        pids[name] = count(name, config)
        equal(run(f"stat -c %U /proc/{pids[name]}"), name)
    end("red")
    run("systemctl stop dispatcherd@red")
    until(lambda: state("dispatcherd-workers@red") == "inactive", "the workers of red are gone")
    goes_on("blue", pids["blue"])
    end("blue")
    run("systemctl stop dispatcherd@blue")
    until(lambda: state("dispatcherd-workers@blue") == "inactive", "the workers of blue are gone")


@step
def stop():
    """stop with a running task: it may end, and nothing is left"""
    pid, holder = count("last"), main("dispatcherd-workers")
    equal(pid in pids_of("dispatcherd-workers"), True)
    run("systemctl stop --no-block dispatcherd.socket dispatcherd")
    until(lambda: show("dispatcherd", "SubState") == "stop-sigterm", "the daemon drains")
    goes_on("last", pid)
    end("last")
    until(lambda: state("dispatcherd") == "inactive", "the daemon has left", 60)
    nothing_left()
    equal([show(unit, "Result") for unit in ("dispatcherd", "dispatcherd-workers")], ["success", "success"])
    equal([alive(pid), alive(holder)], [False, False])


finish("programs")
