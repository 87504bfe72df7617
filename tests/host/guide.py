"""The guide for administrators, followed word by word on a host that has seen none of it.

Every command and every block of operations.md is here by its text, under its heading: it
is carried out in the guide's order, and what the guide says of it has to be so. One that
nothing is known of is not ok, nor is something known that the guide no longer has.
"""
import glob
import os
import re
import subprocess
import urllib.request

import document
from reader import carry_out, missing, plays_in, shows
from shop import (CONFIG, INSTANCE, as_member, change, configuration, edit, follow, hold, let_go, packages, prepare,
                  running, stopped, task)
from steps import (alive, as_user, contains, equal, fails, finish, journal, main, pids_of, run, show, state, step,
                   until, write)

# As the guide says of Debian.
RPM_OPTIONS = "--force-debian --nodeps"

# Commands that are not run, and why.
NOT_RUN = {
    ("Install", "make rpm"): "the packages are made before the machine boots, which has no Go",
}


# Beforehand.

@step
def project():
    """a host with a project in /srv/shop, its environment, its database, and a user alice"""
    equal(glob.glob("/usr/bin/dispatcher*"), [])
    prepare()
    run("useradd -r shop && useradd -m alice && useradd -m bob")
    packages("0.1.0")


# Install.

@plays_in("Install", "rpm -i build/rpm/dispatcherd-[0-9]*.$(uname -m).rpm build/rpm/python3-dispatcherd-*.rpm")
def installed(command):
    """everything is in its place, and nothing runs"""
    run(command.replace("rpm -i", f"rpm -i {RPM_OPTIONS}"), seconds=300)
    with open("operations.md", encoding="utf-8") as file:
        text = file.read()
    paths = set(re.findall(r"`(/[a-z]+/[a-z]+[^`\s]*)`", text.partition("## Install")[2].partition("## Users")[0]))
    equal([path for path in sorted(paths) if not os.path.exists(path)], [])
    equal(len(paths) > 5, True)
    equal(run(f"stat -c '%a %U:%G' {CONFIG}"), "640 root:dispatcherd")
    for unit in set(re.findall(r"^\| `(dispatcherd[^`]+)` \|", text, re.MULTILINE)):
        run(f"systemctl cat {unit}")
        equal(state(unit), "inactive")


@plays_in("Install", "journalctl -x")
def catalog(_):
    """the catalog is in the journal's own"""
    contains(run("journalctl --list-catalog"), "dispatcherd")


shows("Install", "rpm -qd dispatcherd", r"operations\.md(?s:.*)relaxed\.conf")


@plays_in("Install", "systemctl edit dispatcherd.slice")
def limits(command):
    """a limit there is one for everything"""
    edit(command, "[Slice]\nCPUWeight=50\n")
    equal(show("dispatcherd.slice", "CPUWeight"), "50")


# Users.

@plays_in("Users", "usermod -aG dispatcherd alice")
def member(command):
    """a member of the group may read the configuration, and who is none may not"""
    fails(as_member("alice", f"cat {CONFIG}"))
    run(command)
    run(as_member("alice", f"cat {CONFIG}"))
    fails(as_member("bob", f"cat {CONFIG}"))


# First configuration, first task.
FIRST = "First configuration, first task"


@plays_in(FIRST, "runuser -u postgres -- createuser dispatcherd")
def role(command):
    """the role is made"""
    run(command)


@plays_in(FIRST, "toml")
def first(block):
    """it is a whole configuration"""
    change(block)


shows(FIRST, f"runuser -u dispatcherd -- dispatcherd --check --config {CONFIG}", "")


@plays_in(FIRST, "systemctl enable --now dispatcherd.socket dispatcherd")
def enabled(command):
    """both are up, now and after a boot, and without a library the daemon brings its own"""
    run(command, seconds=120)
    for unit in "dispatcherd.socket", "dispatcherd":
        equal([state(unit), run(f"systemctl is-enabled {unit}")], ["active", "enabled"])
    fails("/srv/shop/venv/bin/python -c 'import dispatcherd'")


@plays_in(FIRST, "systemctl status dispatcherd")
def in_one_line(command):
    """the status has the line that the guide promises"""
    until(lambda: re.search(r'Status: "\d+ workers?, \d+ running, \d+ queued; postgres: connected"', run(command)),
          "the line is there")


@plays_in(FIRST, "dispatcherctl run shop.tasks.greet --wait")
def greeted(command):
    """the task succeeds, as the tasks' user; a member may submit one, another user nothing"""
    contains(run(command), "outcome: succeeded")
    equal(task("greet"), {"user": "dispatcherd-tasks", "may_gain_privileges": False})
    equal(task("greet", user="alice")["user"], "dispatcherd-tasks")
    contains(fails(as_member("bob", "dispatcherctl --socket /run/dispatcherd/dispatcherd.sock status")), "permission denied")
    contains(fails(as_member("alice", "dispatcherctl cancel --all")), "operators")


# Day by day.
DAILY = "Day by day"
shows(DAILY, "systemctl status dispatcherd", r'Status: "\d+ workers?, ')
shows(DAILY, "systemctl status dispatcherd-workers", r"CGroup: (?s:.*)python")
shows(DAILY, "dispatcherctl status", "node_id")


@plays_in(DAILY, "dispatcherctl running")
def listed(command):
    """a task that runs is listed"""
    hold("slow")
    contains(run(command), "slow")


shows(DAILY, "dispatcherctl workers", "current_task_uuid: slow")


@plays_in(DAILY, "dispatcherctl cancel --uuid UUID")
def cancelled(command):
    """the task ends"""
    run(command.replace("UUID", "slow"))
    until(lambda: not running("slow"), "the task has ended")


@plays_in(DAILY, "journalctl -u dispatcherd -u dispatcherd-workers -f")
def followed(command):
    """both units' words come, also those of the task"""
    hold("heard")
    follow(command, "heard is held")


@plays_in(DAILY, "dispatcherctl logs -f UUID")
def one_run(command):
    """the lines of that run alone come"""
    follow(command.replace("UUID", "heard"), "heard is held")
    let_go("heard")
    equal("slow" in run("dispatcherctl logs heard"), False)


# Password. What it says is carried out, whichever file it names.
SECRET = "Password"
secret = []  # the path of the file


def password(word):
    """Have WORD for the password of the role shop, in Postgres and in the file."""
    run(f"runuser -u postgres -- psql -q -c \"ALTER ROLE shop PASSWORD '{word}'\"")
    with open(secret[0], "r+", encoding="ascii") as file:
        file.write(f"db1:5432:shop:shop:{word}\n")
        file.truncate()


def connected():
    """See that the daemon has logged in as the role shop, by a connection of its own."""
    until(lambda: "postgres: connected" in show("dispatcherd", "StatusText"), "Postgres is there")
    equal("shop" in run("runuser -u postgres -- psql -At -c 'SELECT usename FROM pg_stat_activity'").split(), True)


@plays_in(SECRET, "install …")
def password_file(command):
    """there is a place for the password, which Postgres wants over TCP"""
    run(command)
    if os.path.isfile(command.split()[-1]):
        secret.append(command.split()[-1])
        run("echo 127.0.0.1 db1 >>/etc/hosts")
        run("runuser -u postgres -- createuser shop")
        password("first")
        contains(fails(as_user("dispatcherd", "psql -w -h db1 -U shop shop -c ''")), "password")


@plays_in(SECRET, "editor …")
def typed(command):
    """the line is in the file, as by an editor"""
    equal(command.split()[-1], secret[0])
    password("typed")


@plays_in(SECRET, "toml")
def logged_in(block):
    """with the block in the configuration the daemon logs in as that role; the password is in no environment"""
    change(document.edited(configuration(), block))
    run(f"runuser -u dispatcherd -- dispatcherd --check --config {CONFIG}", check="credential" not in block)
    password("word-of-shop")
    run("systemctl restart dispatcherd", seconds=120)
    connected()
    workers = set(pids_of("dispatcherd-workers"))
    equal(workers != set(), True)
    for pid in workers | {main("dispatcherd")}:
        with open(f"/proc/{pid}/environ", "rb") as environ, open(f"/proc/{pid}/cmdline", "rb") as line:
            equal(b"word-of-shop" in environ.read() + line.read(), False)


@plays_in(SECRET, "systemctl restart …")
def new_password(command):
    """a new password is taken"""
    password("another")
    run(command, seconds=120)
    connected()


# Logs.

@plays_in("Logs", "dispatcherctl set_log_level --level DEBUG")
def level(command):
    """more is said, in the journal, under the uuid of the run"""
    run(command)
    hold("told")
    contains(run("journalctl DISPATCHERD_TASK_UUID=told"), "told is held")
    let_go("told")
    until(lambda: run("journalctl -q -u dispatcherd -p debug..debug -n 1"), "there is an entry of that level")


# Metrics.

def figures():
    """The page of metrics."""
    with urllib.request.urlopen("http://localhost:8070/metrics", timeout=30) as page:
        return page.read().decode()


@plays_in("Metrics", "toml")
def measured(block):
    """after a restart the page is there; the socket that is started after a stop does without the block"""
    before = configuration()
    change(document.edited(before, block))
    run("systemctl restart dispatcherd", seconds=120)
    contains(figures(), "dispatcher")
    change(before)
    run("systemctl stop dispatcherd.socket dispatcherd", seconds=120)
    run("systemctl start dispatcherd-metrics.socket dispatcherd.socket dispatcherd", seconds=120)
    contains(figures(), "dispatcher")


# Reload.

@plays_in("Reload", "systemctl reload dispatcherd", "dispatcherctl reload")
def reloaded(command):
    """a good file counts at once, what needs a restart is named, a bad one changes nothing"""
    good, daemon = configuration(), main("dispatcherd")
    uuid = "through-" + command.split()[0]
    pid = hold(uuid)
    for number in 2, 3:
        change(good + f"\n[pool]\nmin_workers = {number}\n")
        run(command)
        until(lambda: run("dispatcherctl workers").count("worker_id") >= number, f"there are {number} workers")
    change(good.replace("version = 2", 'version = 2\nnode_id = "other"'))
    run(command)
    contains(run("dispatcherctl reload"), "node_id")
    change(good.replace("channels", "chanels"))
    answer = fails(command)
    if command.startswith("dispatcherctl"):
        contains(answer, "chanels")
    until(lambda: journal("dispatcherd", "chanels"), "the journal has the reason")
    change(good)
    run(command)
    equal([state("dispatcherd"), main("dispatcherd"), alive(pid)], ["active", daemon, True])
    let_go(uuid)


# Drain.

@plays_in("Drain", "dispatcherctl drain")
def drained(command):
    """it waits until nothing runs"""
    hold("draining")
    with subprocess.Popen(command.split()) as process:
        until(lambda: "draining: true" in run("dispatcherctl status"), "the daemon drains")
        contains(fails("dispatcherctl run shop.tasks.greet"), "draining")
        equal(process.poll(), None)
        let_go("draining")
        equal(process.wait(30), 0)


@plays_in("Drain", "dispatcherctl drain --resume")
def resumed(command):
    """tasks run again"""
    run(command)
    task("greet")


# A full queue.

@plays_in("A full queue", "dispatcherctl status", "dispatcherctl history")
def refused(command):
    """with room for one, the next task is refused, which status and history tell"""
    good = configuration()
    change(good + "\n[queue]\nmax_tasks = 1\n")
    run("dispatcherctl reload")
    run("dispatcherctl run shop.tasks.greet --delay 3600 --uuid early")
    contains(fails("dispatcherctl run shop.tasks.greet --delay 3600 --uuid late"), "the queue is full")
    contains(run(command), "full: true" if command.endswith("status") else "rejected")
    run("dispatcherctl cancel --uuid early")
    change(good)
    run("dispatcherctl reload")


# Restart, or stop.
ENDS = "Restart, or stop"


@plays_in(ENDS, "systemctl restart dispatcherd")
def restarted(command):
    """a running task goes on to its end, which the new daemon logs"""
    pid, daemon, holder = hold("through"), main("dispatcherd"), main("dispatcherd-workers")
    run(command, seconds=120)
    equal([main("dispatcherd") != daemon, main("dispatcherd-workers"), alive(pid)], [True, holder, True])
    let_go("through")
    until(lambda: "task ended" in run("dispatcherctl logs through"), "its end is logged")


stop_for_good = iter((True, False))  # the first time the tasks have to end, the second time none is there


@plays_in(ENDS, "systemctl stop dispatcherd.socket dispatcherd-metrics.socket dispatcherd")
def ended(command):
    """everything ends, running tasks by themselves if they can"""
    if next(stop_for_good):
        hold("last")
        let_go("last")
    run(command, seconds=120)
    stopped()
    fails("dispatcherctl status")
    equal(state("dispatcherd"), "inactive")


@plays_in(ENDS, "systemctl stop dispatcherd-workers.socket")
def no_socket(command):
    """no socket is left"""
    run(command)
    equal(run("find /run/dispatcherd -type s"), "")


@plays_in(ENDS, "dispatcherctl drain")
def drained_before(command):
    """nothing runs"""
    run("systemctl start dispatcherd.socket dispatcherd", seconds=120)
    run(command)


@plays_in(ENDS, "systemctl start dispatcherd.socket dispatcherd")
def started(command):
    """tasks run again"""
    run(command, seconds=120)
    task("greet")


# Upgrade, erase.
CHANGE = "Upgrade, erase"


@plays_in(CHANGE, "rpm -U build/rpm/dispatcherd-[0-9]*.$(uname -m).rpm build/rpm/python3-dispatcherd-*.rpm")
def upgraded(command):
    """a new daemon, the old supervisor; the task goes on, the configuration stays"""
    packages("0.1.1")
    config, pid, daemon, holder = configuration(), hold("upgrade"), main("dispatcherd"), main("dispatcherd-workers")
    run(command.replace("rpm -U", f"rpm -U {RPM_OPTIONS}"), seconds=300)
    equal(run("dispatcherd --version"), "dispatcherd 0.1.1")
    until(lambda: state("dispatcherd") == "active" and main("dispatcherd") != daemon, "the new daemon is up", 60)
    equal([main("dispatcherd-workers"), alive(pid), configuration()], [holder, True, config])
    let_go("upgrade")
    until(lambda: not running("upgrade"), "the task has ended")


@plays_in(CHANGE, "systemctl try-restart 'dispatcherd@*.service'")
def instances_too(command):
    """it does nothing where there is none"""
    run(command)


@plays_in(CHANGE, "rpm -e dispatcherd python3-dispatcherd")
def erased(command):
    """no unit, process or socket is left; a configuration that was changed is"""
    run(command.replace("rpm -e", f"rpm -e {RPM_OPTIONS}"), seconds=300)
    equal(run("systemctl list-units --all --plain --no-legend 'dispatcherd*'", check=False), "")
    equal(run("ps -o pid= -u dispatcherd -u dispatcherd-tasks", check=False), "")
    equal(run("find /run/dispatcherd -type s", check=False).startswith("/"), False)
    equal([os.path.exists(CONFIG), os.path.exists(CONFIG + ".rpmsave")], [False, True])


# One instance for each application. It is the guide's order that has it after the erase.
EACH = "One instance for each application"


@plays_in(EACH, "toml")
def own_file(block):
    """installed again, the instance has a file of its own"""
    run(f"rpm -i {RPM_OPTIONS} build/rpm/dispatcherd-[0-9]*.x86_64.rpm build/rpm/python3-dispatcherd-*.rpm", seconds=300)
    with open(CONFIG + ".rpmsave", encoding="utf-8") as file:
        kept = document.edited(file.read(), "[brokers.pg_notify]" + first_postgres())
    change(kept)
    write(INSTANCE, document.edited(kept, block), 0o640, "dispatcherd")
    run(f"runuser -u dispatcherd -- dispatcherd --check --config {INSTANCE}")


def first_postgres():
    """What the first configuration of the guide says of Postgres, without the heading."""
    block = next(item.text for item in GUIDE if item.kind == "toml")
    return document.sections(block)["[brokers.pg_notify]"].partition("]")[2]


@plays_in(EACH, "systemctl enable --now dispatcherd@shop.socket dispatcherd@shop")
def instance(command):
    """its tasks run as the user shop"""
    run(command, seconds=120)
    equal(task("greet", f"--config {INSTANCE}")["user"], "shop")


shows(EACH, f"dispatcherctl --config {INSTANCE} status", "node_id")
shows(EACH, "journalctl -u dispatcherd@shop -u dispatcherd-workers@shop", "the service has started|worker started|listening")


@plays_in(EACH, "systemctl stop dispatcherd@shop.socket dispatcherd-metrics@shop.socket dispatcherd@shop")
def instance_ended(command):
    """it ends, with its workers"""
    run(command, seconds=120)
    until(lambda: state("dispatcherd-workers@shop") == "inactive", "the workers have left", 60)


@plays_in(EACH, "systemctl edit dispatcherd-workers@shop")
def another_user(command):
    """its tasks run as another user"""
    edit(command, "[Service]\nUser=alice\n")
    run("systemctl start dispatcherd@shop", seconds=120)
    equal(task("greet", f"--config {INSTANCE}")["user"], "alice")
    run("systemctl stop dispatcherd@shop.socket dispatcherd@shop", seconds=120)


@plays_in(EACH, "systemctl edit dispatcherd@shop.socket")
def another_group(command):
    """its socket is for another group"""
    edit(command, "[Socket]\nSocketGroup=shop\n")
    run("systemctl start dispatcherd@shop.socket")
    equal(run("stat -c %G /run/dispatcherd/shop/dispatcherd.sock"), "shop")
    run("systemctl stop dispatcherd@shop.socket")


# Tasks that need sudo or user namespaces.
RIGHTS = "Tasks that need sudo or user namespaces"
shows(RIGHTS, "mkdir -p /etc/systemd/system/dispatcherd-workers.service.d/", "")
shows(RIGHTS, 'cp "$(rpm -qd dispatcherd | grep relaxed.conf)" /etc/systemd/system/dispatcherd-workers.service.d/', "")


@plays_in(RIGHTS, "systemctl daemon-reload")
def relaxed(command):
    """with a new supervisor tasks may gain privileges"""
    run(command)
    run("systemctl enable --now dispatcherd.socket dispatcherd", seconds=120)
    equal(task("greet"), {"user": "dispatcherd-tasks", "may_gain_privileges": True})


# Exit codes, and when something is wrong: with a configuration that has a mistake.

def code(command):
    """The exit code of COMMAND."""
    return subprocess.run(command, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode


@plays_in("Exit codes", "systemctl status dispatcherd")
def codes(command):
    """each kind has its code, and the status has the reason"""
    good = configuration()
    write("/run/taken", "")
    write("/run/taken.toml", 'version = 2\n[brokers.socket]\npath = "/run/taken"\n')
    equal(code("dispatcherd --config /run/taken.toml"), 69)
    equal(code("dispatcherd --nonsense"), 2)
    change(good.replace("channels", "chanels"))
    equal(code(f"dispatcherd --check --config {CONFIG}"), 1)
    equal(code(f"dispatcherd --config {CONFIG}"), 78)
    fails("systemctl restart dispatcherd")
    until(lambda: "status=78" in run(command, check=False), "the status has the code", 60)
    until(lambda: "chanels" in run(command, check=False), "the status has the reason", 60)


WRONG = "When something is wrong"


@plays_in(WRONG, "systemctl status dispatcherd dispatcherd-workers")
def how_it_is(command):
    """it shows both units"""
    text = run(command, check=False)
    contains(text, "dispatcherd.service")
    contains(text, "dispatcherd-workers.service")


shows(WRONG, "journalctl -x -u dispatcherd -u dispatcherd-workers -p warning -n 50", "chanels")


@plays_in(WRONG, "dispatcherctl status")
def no_answer(command):
    """it says in one line that there is no answer"""
    equal(len(fails(command).splitlines()), 1)


@plays_in(WRONG, f"runuser -u dispatcherd -- dispatcherd --check --config {CONFIG}")
def told_why(command):
    """it names the mistake; mended, the service is up by itself"""
    contains(fails(command), "chanels")
    change(configuration().replace("chanels", "channels"))
    run(command)
    until(lambda: state("dispatcherd") == "active", "the daemon is up", 60)


GUIDE = document.items("operations.md")
carry_out(GUIDE, NOT_RUN)


@step
def gone():
    """an erase stops and disables an instance that runs"""
    run("systemctl enable --now dispatcherd@shop.socket dispatcherd@shop", seconds=120)
    equal(state("dispatcherd-workers@shop"), "active")
    run(f"rpm -e {RPM_OPTIONS} dispatcherd python3-dispatcherd", seconds=300)
    equal(run("systemctl list-units --all --plain --no-legend 'dispatcherd*'", check=False), "")
    equal(run("ps -o pid= -u dispatcherd -u dispatcherd-tasks -u alice", check=False), "")
    equal(glob.glob("/etc/systemd/system/*.wants/dispatcherd*"), [])


@step
def complete():
    """everything that is known here is in the guide"""
    equal(missing(NOT_RUN), [])


finish("guide")
