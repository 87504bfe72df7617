"""Bad input: one clear line in the journal and in the status, an exit code that names the
kind, and nothing half-started left."""
import contextlib
import os
import re
import socket
import subprocess

from install import install
from service import (BASE, CONFIG, SOCKET, configure, count, ended, failed, goes_on, instance, numbers, project, says,
                     stop_all, who)
from steps import as_user, contains, drop_in, equal, fails, finish, journal, main, run, show, state, step, until

TYPO = BASE.replace("max_workers", "max_wokers")
JOURNALD = ("systemd-journald.socket systemd-journald-dev-log.socket systemd-journald-audit.socket "
            "systemd-journald.service")


def start():
    """Start the service with a good configuration."""
    configure(BASE)
    run("systemctl start dispatcherd.socket dispatcherd", seconds=120)
    equal(state("dispatcherd"), "active")


@step
def typo_at_start():
    """a typo at start: exit code 78, the key and what it should be in status and journal, and a stop leaves nothing"""
    run("systemctl stop 'dispatcherd*'", check=False, seconds=120)  # of a part that was cut short
    install("bin")
    project()
    configure(TYPO)
    fails("systemctl start dispatcherd", seconds=120)
    failed("dispatcherd", 78, "dispatcherd.toml:6: pool.max_wokers: unknown key; did you mean pool.max_workers?")
    says("pool.max_wokers: unknown key; did you mean pool.max_workers?")
    stop_all()


@step
def typo_and_client():
    """a typo, and a client from cold: it waits through the tries, and is answered when the file is mended"""
    configure(TYPO)
    run("systemctl start dispatcherd.socket")
    with subprocess.Popen(["dispatcherctl", "--socket", SOCKET, "--timeout", "300", "alive"], stdout=subprocess.PIPE, text=True) as client:
        until(lambda: int(show("dispatcherd", "NRestarts")) >= 2, "two starts have failed", 90)
        equal([state("dispatcherd.socket"), client.poll()], ["active", None])
        configure(BASE)
        contains(client.communicate(timeout=120)[0], "guest")
        equal(client.returncode, 0)
    until(lambda: state("dispatcherd") == "active", "it is up")
    who()


@step
def typo_at_reload():
    """a typo at reload: the reasons for who asks and in the journal and status, and a running task goes on"""
    pid, daemon = count("reloaded"), main("dispatcherd")
    configure(TYPO)
    fails("systemctl reload dispatcherd")
    says("the configuration could not be reloaded", "did you mean pool.max_workers?")
    reason = "not reloaded: /etc/dispatcherd/dispatcherd.toml:6: pool.max_wokers: unknown key; did you mean pool.max_workers?"
    until(lambda: reason in show("dispatcherd", "StatusText"), "the status says so")
    equal([main("dispatcherd"), state("dispatcherd")], [daemon, "active"])
    goes_on("reloaded", pid)
    configure(BASE)
    run("systemctl reload dispatcherd")
    until(lambda: "not reloaded" not in show("dispatcherd", "StatusText"), "the status says no more of it")
    ended("reloaded")


def trial(config):
    """Start a daemon with CONFIG in a unit of its own, without a socket unit; it has to fail."""
    run("systemctl reset-failed trial.service", check=False)
    fails(f"systemd-run --unit=trial -p Type=notify -p User=dispatcherd dispatcherd --config {config}")


@step
def taken():
    """the socket's path is another program's, or a file: exit code 69, one line, and what is there stays"""
    run("install -d -o dispatcherd /srv/taken")
    config, path = "/etc/dispatcherd/taken.toml", "/srv/taken/d.sock"
    configure(f'version = 2\n[brokers.socket]\npath = "{path}"\n', config)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(path)
        other.listen()
        os.chmod(path, 0o666)
        trial(config)
        failed("trial", 69, f"another instance is listening on {path}")
        until(lambda: journal("trial", "another instance"), "the journal has it")
        equal(len(journal("trial", "another instance")), 1)
        other.setblocking(False)
        other.accept()  # the daemon has asked whether somebody is there
        os.stat(path)
    os.remove(path)
    with open(path, "w", encoding="ascii") as file:
        file.write("precious")
    trial(config)
    failed("trial", 69, "the file that is there is not a socket; remove it or choose another path")
    with open(path, encoding="ascii") as file:
        equal(file.read(), "precious")
    contains(run("journalctl -x --no-pager MESSAGE_ID=ffcfafb4b2a343748cd06d14a8547afe"), "The path of the control socket is taken")
    run("systemctl reset-failed trial.service")


@step
def second_by_hand():
    """a second daemon by hand with the same configuration: one line, exit code 69, and the first is unharmed"""
    pid, daemon = count("first"), main("dispatcherd")
    done = subprocess.run(as_user("dispatcherd", f"dispatcherd --config {CONFIG}"), shell=True, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    equal(done.returncode, 69)
    equal(len(re.findall(f"another instance is listening on {SOCKET}", done.stdout)), 1)
    equal(len(done.stdout.splitlines()), 1)
    goes_on("first", pid)
    equal(main("dispatcherd"), daemon)
    who()


@step
def second_instance():
    """an instance with the sockets of another service: exit code 69, one line, and the first goes on with its task"""
    pid, daemon, holder = count("owner"), main("dispatcherd"), main("dispatcherd-workers")
    instance("copy")
    configure(BASE, "/etc/dispatcherd/copy.toml")
    fails("systemctl start dispatcherd@copy", seconds=120)
    failed("dispatcherd@copy", 69, "another instance uses the supervisor at /run/dispatcherd/supervisor.sock; stop it, or choose another path")
    until(lambda: journal("dispatcherd@copy", "^supervisor: another instance uses the supervisor"), "the journal has it")
    run("systemctl stop dispatcherd@copy.socket dispatcherd@copy", seconds=120)
    until(lambda: state("dispatcherd-workers@copy") == "inactive", "the workers of copy are gone", 60)
    equal([main("dispatcherd"), main("dispatcherd-workers")], [daemon, holder])
    goes_on("owner", pid)
    ended("first")
    ended("owner")
    who()


@step
def undelegated():
    """a workers' unit without Delegate=: one line, also in its status; tasks run, and a stop leaves nothing"""
    stop_all()
    drop_in("dispatcherd-workers.service", "[Service]\nDelegate=no\n")
    start()
    equal(who()["group"], "/dispatcherd.slice/dispatcherd-workers.service")
    equal(len(journal("dispatcherd-workers", "workers are held by process groups: no cgroup tree can be had")), 1)
    contains(show("dispatcherd-workers", "StatusText"), "; no control groups")
    stop_all()
    drop_in("dispatcherd-workers.service", "")
    start()
    equal(os.path.dirname(who()["group"]), "/dispatcherd.slice/dispatcherd-workers.service")


@contextlib.contextmanager
def no_journal():
    """Without journald, which is started again in the end."""
    run(f"systemctl stop {JOURNALD}")
    try:
        yield
    finally:
        run(f"systemctl start {JOURNALD}")


def heard(name):
    """Wait until what the task NAME prints is in the journal again."""
    last = numbers(name)
    until(lambda: [line for line in journal("dispatcherd", f"^{name} ") if int(line.split()[1]) > last], f"{name} is heard again", 60)


@step
def journal_absent():
    """the journal is stopped: tasks run and print on; it is back, and the daemon says what went elsewhere"""
    pid, daemon = count("mute"), main("dispatcherd")
    heard("mute")
    with no_journal():
        who()
        goes_on("mute", pid)
    until(lambda: journal("dispatcherd", "the journal takes entries again"), "it says so", 60)
    equal(len(journal("dispatcherd", "the journal takes entries again")), 1)
    heard("mute")
    equal([main("dispatcherd"), state("dispatcherd")], [daemon, "active"])


def kept(name):
    """The numbers of the task NAME that the journal has now."""
    text = run(f"journalctl -o cat --no-pager DISPATCHERD_TASK_UUID={name}", check=False)
    return [int(number) for number in re.findall(rf"(?m)^{name} (\d+)$", text)]


@step
def journal_full():
    """the journal has no room left: tasks run and print on while it drops entries, and are heard when there is room"""
    daemon = main("dispatcherd")
    with no_journal():
        run("mount -t tmpfs -o size=4M tmpfs /run/log/journal")
    heard("mute")
    fails("dd if=/dev/zero of=/run/log/journal/filler bs=4k")  # until there is no room
    first = kept("mute")[0]
    until(lambda: kept("mute")[:1] != [first] or numbers("mute") > kept("mute")[-1] + 300, "entries are dropped", 120)
    who()
    seen = numbers("mute")
    until(lambda: numbers("mute") > seen, "the task prints on")
    with no_journal():
        run("umount /run/log/journal")
    heard("mute")
    equal([main("dispatcherd"), state("dispatcherd")], [daemon, "active"])
    ended("mute")
    stop_all()


finish("trouble")
