"""What the signals of a worker do: cancel the task that runs, or end the worker."""

import os
import signal

try:  # the C functions: those of signal look up enumerations on each call, on every task's path
    from _signal import getsignal, pthread_sigmask
except ImportError:
    from signal import getsignal, pthread_sigmask

_getpid = os.getpid
_UNBLOCK = int(signal.SIG_UNBLOCK)


class Interrupts:
    """The signal handlers of a worker, and the state that tells them what they may do.

    A handler runs between any two bytecodes of the main thread. It may raise only while `active`
    is set, which the task's side of the call does (`begin`), and not while the frame that was
    interrupted is the runtime's own side of it (`outer`), where the exception would escape the
    place that expects it. Whatever comes at another moment is noted in `rung`, and `begin` of the
    next task looks. So a cancel can neither kill the worker nor hit a task that it does not name.
    """

    def __init__(self, channel, cancel, outer):
        """Serve `channel`; `cancel` is the exception to raise, `outer` the code object above."""
        self.active = False  # task code may be running
        self.rung = False  # SIGUSR1 came and the channel has not been looked at since
        self.leaving = ""  # name of the signal that asked the worker to leave
        self._guarded = False  # what runs must not be torn apart by an exception
        self._channel = channel
        self._cancel = cancel
        self._outer = outer
        self._handlers = {
            signal.SIGUSR1: self._on_cancel,
            signal.SIGTERM: self._on_terminate,
            signal.SIGINT: self._on_terminate,
        }
        self._pairs = tuple((int(number), handler) for number, handler in self._handlers.items())
        self._numbers = tuple(number for number, _ in self._pairs)

    def install(self):
        """Set the three handlers, whatever is there now."""
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def restore(self):
        """Set again those handlers that the task has replaced, and unblock what it has blocked."""
        for number, handler in self._pairs:
            if getsignal(number) is not handler:
                signal.signal(number, handler)
        pthread_sigmask(_UNBLOCK, self._numbers)

    def begin(self):
        """Allow interruption from here on; raise the cancel if one has come for this task."""
        self.active = True
        if self.rung or self._channel.cancelled:
            self.check()

    def check(self):
        """Look for cancel frames that have arrived; raise if one names the running task."""
        while True:
            self._guarded = True
            try:
                self.rung = False
                self._channel.drain()
            finally:
                self._guarded = False
            if not self.rung:
                break
        channel = self._channel
        if channel.current in channel.cancelled:
            channel.cancelled.discard(channel.current)
            raise self._cancel("the task was cancelled")

    def shielded(self, function, *args):
        """Call what a cancel must not tear apart; raise the one that came meanwhile afterwards.

        A call within another, from a handler or a destructor that interrupts it, leaves that to it.
        """
        outermost = not self._guarded
        self._guarded = True
        try:
            result = function(*args)
        finally:
            self._guarded = not outermost
        if outermost and self.active and (self.rung or self._channel.cancelled):
            self.check()
        return result

    def _on_cancel(self, number, frame):
        """SIGUSR1, the doorbell: a cancel frame was sent before it."""
        if not self.active or self._guarded or (frame is not None and frame.f_code is self._outer):
            self.rung = True
        elif _getpid() == self._channel.pid:
            self.check()

    def _on_terminate(self, number, frame):
        """SIGTERM and SIGINT: idle, the worker leaves; in a task, the default action."""
        if self.active or _getpid() != self._channel.pid:
            signal.signal(number, signal.SIG_DFL)
            os.kill(_getpid(), number)
        else:
            self.leaving = signal.Signals(number).name
            self._channel.end_input()
