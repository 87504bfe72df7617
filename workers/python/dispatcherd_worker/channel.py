"""One worker's end of its frame socket: what has arrived, what waits, what was cancelled."""

import collections
import os
import select
import socket
import threading

from . import frames

_CHUNK = 1 << 16
_LARGE_CHUNK = 1 << 20
_HEADER_SIZE = frames.HEADER.size
_PATIENCE = 1000  # milliseconds


class ChannelLost(Exception):
    """The frame socket can no longer be used; the worker has to end."""


class Channel:
    """The frame socket of this process.

    Only the thread that made the channel, in the process that made it, may call its methods; `offer`
    is for any thread of it. A
    method must not be interrupted by an exception from a signal handler: see
    `interrupts.Interrupts`, which knows when one may be raised.
    """

    def __init__(self, sock):
        """Take over `sock`, a connected stream socket, and make it blocking."""
        sock.setblocking(True)
        self.pid = os.getpid()
        self.current = None  # sequence number of the task that was taken last and is not answered
        self.cancelled = set()  # sequence numbers, of `current` and of what waits in `inbox`
        self.inbox = collections.deque()  # (seq, body) of tasks that have not been taken
        self.stop = False  # a stop frame has come
        self.eof = False  # nothing more will come
        self.unheard = False  # there is no daemon: the supervisor, which reads no frames, ends the workers
        self._sock = sock
        self._recv = sock.recv
        self._send = sock.send
        self._part = bytearray()  # the beginning of a frame that has not arrived whole
        self._need = 0  # how long `_part` must be before it is looked at again
        self._lock = threading.RLock()  # held while sending: frames of two threads must not mix
        self._sending = False  # a frame may have been sent in part
        self._patience = _PATIENCE
        self._requests = 0
        self._awaited = None  # the control request whose reply is waited for
        self._reply = None
        self._disowned = False  # the daemon does not know of that request

    def fileno(self):
        """Return the descriptor of the socket, -1 once it is closed."""
        return self._sock.fileno()

    def set_idle_timeout(self, seconds):
        """Make `next_task` raise BlockingIOError after `seconds` (> 0) without a frame."""
        whole = int(seconds)
        micros = max(int((seconds - whole) * 1e6), 0 if whole else 1)
        # struct timeval of two longs: what SO_RCVTIMEO takes on Linux, see socket(7).
        timeval = whole.to_bytes(8, "little") + micros.to_bytes(8, "little")
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)

    def next_task(self):
        """Wait for a task; return (seq, body), or None when none will come: `stop` or `eof`.

        Raises BlockingIOError after the idle timeout, ChannelLost when the socket is unusable.
        """
        inbox = self.inbox
        while not inbox:
            if self.stop or self.eof:
                return None
            self._receive(0)
        task = inbox.popleft()
        self.current = task[0]
        return task

    def drain(self):
        """Take in what has arrived, without waiting."""
        try:
            while not self.eof:
                self._receive(socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass

    def end_input(self):
        """Accept nothing more: a wait for a task ends after what has arrived already.

        The daemon gets EPIPE if it writes now, so it knows that this did not arrive.
        """
        try:
            self._sock.shutdown(socket.SHUT_RD)
        except OSError:
            pass  # closed, or the other end is gone: the wait has ended anyway

    def close(self):
        """Close this process's descriptor of the socket."""
        self._sock.close()

    def send(self, kind, seq, body=b""):
        """Send one frame, waiting for room; raises ChannelLost."""
        self.send_bytes(frames.encode(kind, seq, body))

    def send_bytes(self, data):
        """Send frames that are bytes already, waiting for room; raises ChannelLost."""
        with self._lock:
            self._sending = True
            try:
                sent = self._send(data, socket.MSG_NOSIGNAL)
                while sent < len(data):
                    data = memoryview(data)[sent:]
                    sent = self._send(data, socket.MSG_NOSIGNAL)
            except OSError as exc:
                raise ChannelLost("send to the daemon: %s" % exc) from None
            finally:
                self._sending = False

    def offer(self, kind, body):
        """Send a small frame if there is room and a daemon; return whether it was sent.

        Any thread may call it.

        The socket is taken for full when a quarter of it is (what poll(2) says of a unix socket):
        when no daemon reads, the rest is there for the end of the task. It is waited for once, for
        a second, and not again before a frame has been sent.
        """
        if self.unheard:
            return False
        room = select.poll()
        room.register(self._sock, select.POLLOUT)
        patience, self._patience = self._patience, 0
        if room.poll(patience) != [(self._sock.fileno(), select.POLLOUT)]:
            return False
        with self._lock:
            if self._sending:
                return False  # this thread is in the middle of a frame: a handler or destructor calls
            try:
                data = frames.encode(kind, 0, body)
                sent = self._send(data, socket.MSG_NOSIGNAL | socket.MSG_DONTWAIT)
                if sent < len(data):  # the kernel does not cut what is so small
                    self.send_bytes(memoryview(data)[sent:])
            except (OSError, ChannelLost):
                return False
        self._patience = _PATIENCE
        return True

    def request(self, body):
        """Send a control request and wait for its reply; return the reply's body.

        Returns None when a cancel of the current task ended the wait; raises ConnectionError when
        the daemon's end is closed, and when another daemon has come that does not know of the
        request. Tasks that arrive meanwhile are kept for `next_task`.
        """
        self.drain()  # what another daemon said before this request is not about it
        self._requests += 1
        self._awaited, self._reply, self._disowned = self._requests, None, False
        try:
            self.send(frames.REQUEST, self._requests, body)
            while self._reply is None and self.current not in self.cancelled:
                if self.eof:
                    raise ConnectionError("the daemon closed the connection before its reply")
                if self._disowned:
                    raise ConnectionError(
                        "the daemon was restarted before its reply; whether it did what was asked is not known")
                try:
                    self._receive(0)
                except BlockingIOError:
                    pass  # the idle timeout, which does not count while a task runs
            return self._reply
        finally:
            self._awaited = None

    def _receive(self, flags):
        """Read once and sort what came; raises BlockingIOError and ChannelLost."""
        size = _CHUNK
        if self._need - len(self._part) > _CHUNK:
            size = min(self._need - len(self._part), _LARGE_CHUNK)
        try:
            data = self._recv(size, flags)
        except BlockingIOError:
            raise
        except ConnectionResetError:
            data = b""  # the other end was closed with frames of ours unread
        except OSError as exc:
            raise ChannelLost("receive from the daemon: %s" % exc) from None
        if data:
            self._sort(data)
        else:
            self.eof = True

    def _sort(self, data):
        """Cut `data` into frames and put each where it belongs; keep an unfinished rest."""
        if self._part:
            self._part += data
            if len(self._part) < self._need:
                return
            data = bytes(self._part)
            self._part = bytearray()
        at, end, need = 0, len(data), _HEADER_SIZE
        while end - at >= _HEADER_SIZE:
            length, kind, zero, zeros, seq = frames.HEADER.unpack_from(data, at)
            if length > frames.MAX_BODY or zero or zeros:
                raise ChannelLost("a frame header that is none: %s" % data[at:at + 16].hex())
            stop = at + _HEADER_SIZE + length
            if stop > end:
                need = stop - at
                break
            self._accept(kind, seq, data[at + _HEADER_SIZE:stop])
            at = stop
        if at < end:
            self._part += data[at:]
            self._need = need

    def _accept(self, kind, seq, body):
        if seq == frames.EVERY_TASK:
            self.unheard = True
        if kind == frames.TASK:
            self.inbox.append((seq, body))
        elif kind == frames.CANCEL:
            # A cancel of a task that has ended came too late, and must hit no other.
            known = [waiting for waiting, _ in self.inbox]
            if self.current is not None:
                known.append(self.current)
            self.cancelled.update(task for task in known if seq in (task, frames.EVERY_TASK))
        elif kind == frames.REPLY:
            if seq == self._awaited:
                self._reply = body
            self._disowned = self._disowned or seq == frames.NO_REQUEST
        elif kind == frames.STOP:
            self.stop = True
        # Any other kind is a newer daemon's, for runtimes that know it.
