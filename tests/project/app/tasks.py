"""The tasks of the integration tests. They run with the Python original's
library as well as with ours."""

import os
import signal
import subprocess
import sys
import time

from dispatcherd.publish import task


if "APP_SLOW_IMPORT" in os.environ:
    open("importing", "w").close()
    time.sleep(float(os.environ["APP_SLOW_IMPORT"]))


def note(path, text):
    """Append a line that a test can wait for."""
    with open(path, "a") as f:
        f.write(text + "\n")


@task()
def add(a, b):
    return a + b


@task()
def echo(*args, **kwargs):
    return [list(args), kwargs]


@task()
def mark(path, text="ran"):
    note(path, text)


@task()
def nothing():
    pass


@task()
def shout(*lines):
    for line in lines:
        print(line, flush=True)
    print("to stderr", file=sys.stderr)


@task()
def nap(seconds, path=None):
    if path:
        note(path, "began")
    time.sleep(seconds)
    if path:
        note(path, "ended")
    return "rested"


@task()
def hold(path, gate, mebibytes=0):
    """Run until a test makes the file `gate`, and hold memory meanwhile."""
    held = b"x" * (mebibytes << 20)
    note(path, "began")
    while not os.path.exists(gate):
        time.sleep(0.02)
    note(path, "ended")
    del held
    return "let go"


@task()
def take(mebibytes):
    """Hold so much memory for a moment; return how many bytes."""
    return len(bytearray(mebibytes << 20))


kept = []


@task()
def keep(mebibytes):
    """Take so much memory and do not give it back."""
    kept.append(b"x" * (mebibytes << 20))
    return os.getpid()


@task()
def chatter(path, gate):
    """Print a numbered line every 10 ms until a test makes the file `gate`; return how many."""
    note(path, "began")
    count = 0
    while not os.path.exists(gate):
        print("chatter %d" % count, flush=True)
        count += 1
        time.sleep(0.01)
    note(path, "ended")
    return count


@task()
def deaf(path, children=0):
    """Swallow every soft cancel, and have children in the same process group."""
    for _ in range(children):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        note(path, str(child.pid))
    note(path, "began")
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            time.sleep(1)
        except Exception:
            note(path, "swallowed")


@task()
def fail(text):
    raise ValueError(text)


@task(bind=True)
def bound(binder, command=None):
    answer = binder.control(command) if command else None
    return {"uuid": binder.uuid, "worker_id": binder.worker_id, "answer": answer}


@task(bind=True)
def ask_at(binder, path, gate):
    """Wait until a test makes the file `gate`, then ask the daemon, and note the answer."""
    note(path, "began")
    while not os.path.exists(gate):
        time.sleep(0.02)
    note(path, "asks")
    note(path, repr(binder.control("alive")))


@task()
class Greeter:
    def run(self, name):
        return "hello " + name


def unmarked():
    return "ran"


@task()
def whoami():
    return {"pid": os.getpid(), "cgroup": open("/proc/self/cgroup").read(), "fds": sorted(os.listdir("/proc/self/fd"), key=int)}


@task()
def environment(*names):
    return {name: os.environ.get(name) for name in names}


@task()
def whole_environment():
    return dict(os.environ)


@task()
def connection():
    """Return what a task is told of the way to Postgres."""
    from dispatcherd.config import settings

    return settings.brokers["pg_notify"]["config"]


@task()
def descriptors():
    """Return what each open descriptor is."""
    seen = {}
    for number in os.listdir("/proc/self/fd"):
        try:
            seen[number] = os.readlink("/proc/self/fd/" + number)
        except FileNotFoundError:
            pass  # it was the one that lists them
    return seen


@task()
def leave(code):
    os._exit(code)


@task()
def system_exit():
    raise SystemExit(3)


@task()
def segfault():
    os.kill(os.getpid(), signal.SIGSEGV)


@task()
def close_descriptors():
    os.closerange(0, 256)


@task()
def flood(megabytes):
    line = "x" * 1023 + "\n"
    for _ in range(megabytes * 1024):
        sys.stdout.write(line)


@task()
def unserialisable():
    return lambda: None


@task()
def huge(size):
    return "x" * size


@task()
def background(path):
    """Leave a child behind that is in a session of its own."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    note(path, str(child.pid))


@task()
def parent(path):
    """Do as `background` does, and go on."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
    note(path, str(child.pid))
    time.sleep(600)
