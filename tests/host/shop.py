"""The project that the guide has for an example, and ways to use it as its administrator."""
import glob
import json
import os
import shutil
import subprocess

from steps import equal, run, show, state, until, write

CONFIG = "/etc/dispatcherd/dispatcherd.toml"
INSTANCE = "/etc/dispatcherd/shop.toml"
OUT = "/srv/shop/out"
POSTGRES = "postgresql@15-main"


def prepare():
    """Have the project in its place, with an environment and a database of its own."""
    shutil.copytree("project/shop", "/srv/shop/shop")
    run("python3 -m venv --without-pip /srv/shop/venv")
    os.mkdir(OUT)
    os.chmod(OUT, 0o1777)
    run(f"systemctl start {POSTGRES}", seconds=120)
    run("runuser -u postgres -- createdb shop")


def task(name, options="", user=None):
    """What the task NAME of the project returns, submitted by USER."""
    command = f"dispatcherctl {options} --output json --timeout 30 run shop.tasks.{name} --wait"
    text = run(as_member(user, command) if user else command)
    return json.loads(text.partition("\n")[2])["result"]


def as_member(user, command):
    """COMMAND, run by USER with all the groups that a login gives."""
    return f"runuser -u {user} -- {command}"


def hold(uuid, options=""):
    """Start a task that goes on until it is let go; the pid of its worker."""
    run(f"dispatcherctl {options} --timeout 30 run shop.tasks.hold --uuid {uuid} --kwarg name=\\\"{uuid}\\\"")
    until(lambda: os.path.exists(f"{OUT}/{uuid}") and os.path.getsize(f"{OUT}/{uuid}"), f"{uuid} runs")
    with open(f"{OUT}/{uuid}", encoding="ascii") as file:
        return int(file.read())


def let_go(uuid):
    """Let the task UUID end."""
    write(f"{OUT}/{uuid}.end", "")


def running(uuid):
    """Whether the daemon knows of UUID as waiting or running."""
    return uuid in run("dispatcherctl --timeout 30 running")


def follow(command, sign):
    """Run COMMAND, which does not end by itself, until it shows SIGN."""
    with subprocess.Popen(["sh", "-c", "exec " + command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        try:
            text = b""
            os.set_blocking(process.stdout.fileno(), False)

            def shown():
                nonlocal text
                text += process.stdout.read() or b""
                return sign.encode() in text
            until(shown, f"{command} shows {sign!r}")
            equal(process.poll(), None)
        finally:
            process.terminate()


def edit(command, text):
    """Carry out COMMAND, a "systemctl edit", with TEXT for what the administrator types."""
    write("/run/typed", text)
    write("/run/editor", "#!/bin/sh\ncp /run/typed \"$1\"\n", 0o755)
    run(f"SYSTEMD_EDITOR=/run/editor script -qec '{command}' /run/terminal", seconds=120)


def stopped():
    """See that the daemon and the workers have left."""
    for unit in "dispatcherd", "dispatcherd-workers":
        until(lambda: state(unit) == "inactive", f"{unit} has left", 60)
        equal(show(unit, "Result"), "success")


def change(text, path=CONFIG):
    """Have TEXT for the configuration at PATH, whose owner and mode stay."""
    with open(path, "r+", encoding="utf-8") as file:
        file.write(text)
        file.truncate()


def configuration():
    """The configuration as it is."""
    with open(CONFIG, encoding="utf-8") as file:
        return file.read()


def packages(version):
    """Have the packages of VERSION where "make rpm" leaves them."""
    shutil.rmtree("build/rpm", ignore_errors=True)
    os.makedirs("build/rpm")
    for path in glob.glob(f"rpm/*-{version}-1.*.rpm"):
        shutil.copy(path, "build/rpm")
    equal(len(os.listdir("build/rpm")), 3)
