"""The programs themselves in their units: a project's tasks, by the socket and by Postgres."""
import json
import os
import re
import shutil
import signal

from install import install
from service import CONFIG, OUT, count, ctl, end, goes_on, numbers, project, who
from steps import (alive, as_user, contains, drop_in, equal, fails, finish, journal, main, manager, pids_of,
                   run, show, state, step, until, write)

GOOD = """version = 2
node_id = "guest"

[pool]
min_workers = 2
max_workers = 4
shutdown_grace = "60s"

[worker]
pythonpath = ["/srv/app"]
tasks_allow = ["app.*"]

[brokers.pg_notify]
conninfo = "host=/run/postgresql dbname=postgres user=dispatcherd"
channels = ["app_tasks"]

[brokers.socket]
path = "/run/dispatcherd/dispatcherd.sock"

[supervisor]
socket = "/run/dispatcherd/supervisor.sock"
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
    write(CONFIG, GOOD, 0o640, "dispatcherd")
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


def entries():
    """What the daemon's journal has, as texts of all the fields of an entry."""
    lines = run("journalctl -o json --no-pager _SYSTEMD_UNIT=dispatcherd.service --cursor-file=/run/read.entries", check=False).splitlines()
    for line in lines:
        if line.startswith("{"):
            entry = json.loads(line)
            logged.append(" ".join(str(value) for key, value in entry.items() if not key.startswith("_")))
    return logged


logged = []  # by entries()


def says(*words):
    """Wait until there is an entry with all WORDS."""
    return until(lambda: [text for text in entries() if all(word in text for word in words)],
                 f"the journal has {words}")


@step
def credential():
    """the password of the database is the unit's credential: without it there is one clear line, with it the
    daemon is in, and the tasks' user cannot read it"""
    secret, loaded = "the:password of \\'guest", "/etc/credstore/dispatcherd.pg"
    if os.path.exists(loaded):
        os.remove(loaded)
    quoted = secret.replace("'", "''")
    write("/tmp/role", f"ALTER ROLE dispatcherd PASSWORD '{quoted}';")
    run("runuser -u postgres -- psql -q -f /tmp/role")
    # Debian's Postgres asks for a password (scram-sha-256) wherever it is not asked by its socket.
    write(CONFIG, GOOD.replace('host=/run/postgresql dbname=postgres user=dispatcherd"',
                               'host=127.0.0.1 dbname=postgres user=dispatcherd"\npassfile = "credential:pg"'), 0o640, "dispatcherd")
    pid, holder = count("trusted"), main("dispatcherd-workers")
    fails("systemctl restart dispatcherd")
    until(lambda: "the credential pg is not there" in run("systemctl status --no-pager dispatcherd", check=False), "the status has the reason")
    until(lambda: show("dispatcherd", "ExecMainStatus") == "78", "the exit code is that of a bad configuration")
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
    write(CONFIG, GOOD, 0o640, "dispatcherd")
    run("systemctl restart dispatcherd")
    status_is("postgres: connected")
    os.remove(loaded)



finish("trycred")
