"""The tasks of the examples in docs/limits.md."""
import os
import signal
import subprocess
import sys
import time

from dispatcherd.publish import task


@task()
def monthly(megabytes):
    """Read all rows at once, of which there are more and more."""
    rows = b"x" * (megabytes << 20)
    return len(rows)


@task()
def convert(megabytes):
    """Have a program do the work; it fails, and this goes on."""
    program = subprocess.run([sys.executable, "-S", "-c", f"b'x' * ({megabytes} << 20)"], check=False)
    return f"the converter ended with {program.returncode}"


@task()
def upload():
    """Hang, deaf to every signal, with a helper that has made itself independent."""
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pause()
        os._exit(0)
    signal.pause()


@task()
def totals(seconds):
    """Use a CPU for so long by the clock."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
