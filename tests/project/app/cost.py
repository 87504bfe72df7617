"""Tasks whose cost is known: each returns the CPU seconds that getrusage(2) counts for it."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time

from dispatcherd.publish import task

BURN = "import time\nend = time.process_time() + %f\nwhile time.process_time() < end: pass"


def used():
    """Return the CPU seconds of this process and of the children that it has waited for."""
    return sum(who.ru_utime + who.ru_stime for who in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def burn(seconds):
    exec(BURN % seconds)


@task()
def mixed(kind, amount):
    before = used()
    if kind == "burn":
        burn(amount)
    elif kind == "sleep":
        time.sleep(amount)
    elif kind == "child":
        subprocess.run([sys.executable, "-S", "-c", BURN % amount], check=True)
    elif kind == "memory":
        bytearray(int(amount) << 20)
    return used() - before


def hidden(work):
    """Do `work` in a process of a session of its own, whose parent has ended and whom nobody waits for."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for number in signal.valid_signals():
                if number not in (signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD):
                    try:
                        signal.signal(number, signal.SIG_IGN)
                    except (OSError, ValueError):
                        pass  # not this one, or the C library's own
            work(writer)
        os._exit(0)
    os.close(writer)
    said = os.read(reader, 100).decode()
    os.close(reader)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return said


@task()
def unseen(seconds):
    """Burn where getrusage of the worker does not count it, and wait for the end of that."""

    def work(writer):
        before = used()
        burn(seconds)
        os.write(writer, b"%f" % (used() - before))

    return float(hidden(work))


@task()
def leave(path=None, hang=False):
    """Leave a process that no signal but SIGKILL ends; return its number, after noting it in `path`."""

    def work(writer):
        os.write(writer, b"%d" % os.getpid())
        os.close(writer)
        while True:
            time.sleep(60)

    pid = int(hidden(work))
    if path is not None:
        with open(path, "a") as stream:
            stream.write("%d\n" % pid)
    while hang:
        try:
            time.sleep(60)
        except BaseException:
            pass
    return pid


@task()
def abort():
    ctypes.CDLL(None).abort()
