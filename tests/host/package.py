"""The packages: installed, used, upgraded beside a running task, and erased."""
import glob
import os

from service import CONFIG, OUT, count, ctl, end, goes_on, numbers, project, who
from steps import contains, equal, fails, finish, main, run, state, step, until

# Debian has its own package manager, and the packages that these need by other names.
RPM = "rpm --force-debian --nodeps"


def packages(version):
    """The binary packages of VERSION, as words of a command."""
    found = [path for path in glob.glob(f"rpm/*-{version}-1.*.rpm") if ".src." not in path]
    equal(len(found), 2)
    return " ".join(found)


def change(old, new):
    """Replace OLD by NEW in the configuration, once."""
    with open(CONFIG, encoding="utf-8") as file:
        text = file.read()
    equal(text.count(old), 1)
    with open(CONFIG, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))


@step
def installed():
    """rpm -i: programs, units, users, library, and a configuration that only root may change"""
    run(f"{RPM} -i {packages('0.1.0')}", seconds=300)
    equal(run("dispatcherd --version"), "dispatcherd 0.1.0")
    equal(run(f"stat -c '%a %U:%G' {CONFIG}"), "640 root:dispatcherd")
    run("id dispatcherd && id dispatcherd-tasks")
    run("python3 -c 'import dispatcherd.publish'")
    equal(state("dispatcherd"), "inactive")  # it is for the administrator to start


@step
def started():
    """systemctl enable --now: it is active, a task runs, dispatcherctl finds it by itself"""
    project()
    change('#pythonpath = ["/srv/app"]', 'pythonpath = ["/srv/app"]')
    run("systemctl enable --now dispatcherd.socket dispatcherd.service", seconds=120)
    equal(state("dispatcherd"), "active")
    equal(who()["uid"], int(run("id -u dispatcherd-tasks")))
    contains(run("dispatcherctl status --output yaml"), "isolation: cgroup")


@step
def reloaded():
    """systemctl reload: a good file counts at once, a bad one is refused and harms nothing"""
    daemon = main("dispatcherd")
    change("min_workers = 1", "min_workers = 3")
    run("systemctl reload dispatcherd")
    until(lambda: len(ctl("workers")) == 4, "there are three workers, and node_id")
    change("min_workers = 3", "min_worker = 3")
    fails("systemctl reload dispatcherd")
    equal([state("dispatcherd"), main("dispatcherd")], ["active", daemon])
    change("min_worker = 3", "min_workers = 3")
    run("systemctl reload dispatcherd")


@step
def upgraded():
    """rpm -U beside a running task: a new daemon, the task goes on, the configuration stays"""
    pid, daemon = count("job"), main("dispatcherd")
    run(f"{RPM} -U {packages('0.1.1')}", seconds=300)
    equal(run("dispatcherd --version"), "dispatcherd 0.1.1")
    until(lambda: state("dispatcherd") == "active", "the new daemon is up", 60)
    equal(main("dispatcherd") != daemon, True)
    goes_on("job", pid)
    contains(open(CONFIG, encoding="utf-8").read(), "min_workers = 3")
    end("job")
    until(lambda: "worker-" not in " ".join(ctl("running")), "the task has ended")


@step
def logged():
    """dispatcherctl logs has the end of that run, and the journal has it under its uuid"""
    until(lambda: "task ended" in run("journalctl --no-pager -o cat DISPATCHERD_TASK_UUID=job"), "its end is in the journal")
    contains(run("dispatcherctl logs job"), "task ended")


@step
def newer_systemd():
    """the drop-in for systemd 254 comes with it, and not before; here, with 252, it is passed over"""
    links = [f"/usr/lib/systemd/system/dispatcherd-workers{at}.service.d/systemd-254.conf" for at in ("", "@")]
    for version, there in ("252", False), ("254", True):
        run(f"rpmbuild -bb --define '_topdir /run/fake' --define 'fake_version {version}' fake/systemd.spec", seconds=120)
        run(f"{RPM} -U /run/fake/RPMS/noarch/systemd-{version}-1.noarch.rpm")
        equal([os.path.exists(link) for link in links], [there, there])
    contains(run("systemctl cat dispatcherd-workers"), "DelegateSubgroup=supervisor")
    holder = main("dispatcherd-workers")
    run("systemctl restart dispatcherd-workers", seconds=120)
    until(lambda: state("dispatcherd") == "active" and main("dispatcherd-workers") != holder, "a new supervisor is up", 60)
    who()


@step
def erased():
    """rpm -e: no unit, process, socket or cgroup is left"""
    count("last")
    end("last")
    until(lambda: os.path.exists(f"{OUT}/last") and numbers("last"), "the last task has run")
    run(f"{RPM} -e dispatcherd python3-dispatcherd", seconds=300)
    equal(run("systemctl list-units --all --plain --no-legend 'dispatcherd*'", check=False), "")
    equal(run("find /run/dispatcherd -type s", check=False).startswith("/"), False)
    equal(run("find /sys/fs/cgroup/dispatcherd.slice -type d", check=False).startswith("/"), False)
    equal(run("ps -o pid= -u dispatcherd -u dispatcherd-tasks", check=False), "")
    equal(glob.glob("/usr/bin/dispatcher*") + glob.glob("/usr/lib/systemd/system/dispatcherd*"), [])


finish("package")
