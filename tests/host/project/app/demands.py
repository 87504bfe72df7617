"""Tasks that take much, leave something behind, or die."""
import contextlib
import os
import resource
import signal
import subprocess
import sys
import time

from dispatcherd.publish import task

from .tasks import PLACE

FILES = ("memory.max", "memory.high", "memory.swap.max", "pids.max", "cpu.max", "cpu.weight", "io.weight")


def group():
    """The directory of the worker's control group, in cgroup v2."""
    with open("/proc/self/cgroup", encoding="ascii") as file:
        path = file.read().strip().split("::")[1]
    beside = "/sys/fs/cgroup/unified"  # where v1 is in use as well
    return (beside if os.path.isdir(beside) else "/sys/fs/cgroup") + path


@task()
def limits():
    """What the first instruction of a task finds its limits to be."""
    found = {"pid": os.getpid()}
    for name in FILES:
        with open(f"{group()}/{name}", encoding="ascii") as file:
            found[name] = file.read().strip()
    return found


@task()
def allocate(megabytes):
    """Take so much memory."""
    return len(b"x" * (megabytes << 20)) >> 20


@task()
def child_allocates(megabytes):
    """Have a child take so much memory for a while, and tell how it has ended."""
    code = f"import time; taken = b'x' * ({megabytes} << 20); time.sleep(0.5)"
    return subprocess.run([sys.executable, "-S", "-c", code], check=False).returncode


@task()
def crowd(wanted):
    """Have so many processes for a while, or as many as there may be, and tell how many."""
    pids = []
    try:
        while len(pids) < wanted:
            pid = os.fork()
            if pid == 0:
                signal.pause()
            pids.append(pid)
    except BlockingIOError:
        pass
    time.sleep(0.5)  # so that it can be seen, where it is not counted
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return len(pids)


def deafen():
    """Ignore every signal that can be ignored."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)


@task()
def bomb():
    """Start deaf processes that start deaf processes, for ever."""
    deafen()
    while True:
        try:
            os.fork()
        except OSError:
            pass


def daemon(work):
    """Have a process do WORK that is in a session of its own, and nobody's child."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            work()
        os._exit(0)
    with contextlib.suppress(ChildProcessError):  # a task that ignores SIGCHLD has only waited
        os.wait()


def linger(name):
    """Write down who this is, and stay."""
    with open(f"{PLACE}/{name}.part", "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
    os.rename(f"{PLACE}/{name}.part", f"{PLACE}/{name}")
    while True:
        signal.pause()


@task()
def stubborn(name):
    """Stay, deaf, with a daemon that does the same."""
    deafen()
    daemon(lambda: linger(f"{name}.daemon"))
    linger(name)


@task()
def leave(name):
    """End, but for a daemon that stays."""
    daemon(lambda: linger(f"{name}.daemon"))
    while not os.path.exists(f"{PLACE}/{name}.daemon"):
        time.sleep(0.01)


def used():
    """The CPU time of the worker's control group, in seconds."""
    with open(f"{group()}/cpu.stat", encoding="ascii") as file:
        return int(file.readline().split()[1]) / 1e6


@task()
def spin(seconds):
    """Want all of a CPU for so long by the clock, and tell which share it was by the group's count."""
    began, before = time.monotonic(), used()
    while time.monotonic() - began < seconds:
        pass
    return (used() - before) / (time.monotonic() - began)


def rusage():
    """The CPU time of this process and its children, in seconds."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def compute(seconds):
    """Use so much CPU time in this process."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@task()
def work(own=0.0, child=0.0, stranger=0.0):
    """Use CPU time, of a child and of a daemon as well, and tell what getrusage says of them together."""
    before, told = rusage(), 0.0
    compute(own)
    if child:
        if os.fork() == 0:
            compute(child)
            os._exit(0)
        os.wait()
    if stranger:
        there, here = os.pipe()

        def report():
            compute(stranger)
            os.write(here, str(rusage()).encode())

        daemon(report)
        told = float(os.read(there, 100))
        os.close(here)
        os.close(there)
    return rusage() - before + told


@task()
def read_and_write(name, megabytes):
    """Write so much to the disk, and read it from there."""
    path = f"{PLACE}/{name}"
    with open(path, "wb") as file:
        file.write(os.urandom(1 << 20) * megabytes)
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    with open(path, "rb") as file:
        while file.read(1 << 20):
            pass
    os.remove(path)


@task()
def die(number=signal.SIGKILL, child=False):
    """End by a signal, and leave a child in a session of its own behind."""
    if child and os.fork() == 0:
        os.setsid()
        signal.pause()
    os.kill(os.getpid(), number)


@task()
def leave_at_once(code):
    """End the worker's process."""
    os._exit(code)
