"""A worker class whose hooks fail where a test wants it, and tasks that take a cancel in odd ways."""

import os
import signal
import threading
import time

from dispatcherd.publish import task

from .gated import HOME, Gated
from .tasks import note


def there(name):
    """Say whether a test has made this file."""
    return os.path.exists(os.path.join(HOME, name))


class Fragile(Gated):
    """HOOK raises if the file HOOK.broken is there. Other files change what a worker does:

    masked: it blocks SIGUSR1 from its start on, as the code of another library may.
    lingers: when it has shut down, its process stays until the file lingers.gate is there.
    beats: on_idle notes its worker in that file.
    """

    def _pass(self, hook):
        super()._pass(hook)
        if there(hook + ".broken"):
            raise RuntimeError("%s is broken" % hook)

    def on_start(self):
        super().on_start()
        if there("masked"):
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})

    def post_task(self, result):
        self._pass("post_task")

    def on_idle(self):
        super().on_idle()
        if there("beats"):
            note(os.path.join(HOME, "beats"), str(self.worker_id))

    def on_shutdown(self):
        super().on_shutdown()
        if there("lingers"):
            threading.Thread(target=self._linger).start()

    def _linger(self):
        while not there("lingers.gate"):
            time.sleep(0.01)
        os._exit(3)


@task()
def swallow(path, gate):
    """Swallow cancels, each noted, for a second and until a test makes the file `gate`."""
    note(path, "began")
    least = time.monotonic() + 1
    while time.monotonic() < least or not os.path.exists(gate):
        try:
            time.sleep(0.02)
        except Exception:
            note(path, "swallowed")
    note(path, "ended")


@task()
def unmask(path):
    """Unblock SIGUSR1."""
    note(path, "began")
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})
    note(path, "ended")
