"""Messages over a unix socket: lines of JSON.

asyncio is imported by those who use it: a program that only publishes starts faster without.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import socket
import stat
from typing import TYPE_CHECKING, Any, AsyncGenerator, AsyncIterator, Callable, Dict, Iterator, List, Optional, Tuple

from ..chunking import split_message
from ..protocols import AsyncCallback, Origin
from ..protocols import Broker as BrokerProtocol

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger(__name__)

SOCKET_MAX_MESSAGE_BYTES = 1024

_READ_SIZE = 1 << 16
_LINE_LIMIT = 1 << 20  # bytes of a reply line: a service need not send its replies in chunks


class Broker(BrokerProtocol):
    """A client of a service's socket, and, for services in Python, the socket itself.

    The client connects anew for each submission, and for each control request with its replies.
    """

    def __init__(self, socket_path: str) -> None:
        """`socket_path` is the path of the service's socket; a relative one starts at the working directory."""
        self.socket_path = socket_path
        self.max_message_bytes = SOCKET_MAX_MESSAGE_BYTES
        self.sock: Optional[socket.socket] = None  # while process_notify is at work
        self.clients: Dict[int, _Client] = {}  # of the service
        self._next_client = 0
        self._incoming: Optional[asyncio.Queue[Optional[Tuple[int, str]]]] = None

    def __str__(self) -> str:
        return "socket-broker-%s" % self.socket_path

    def verify_self_check(self, message: Dict[str, Any]) -> None:
        """Nothing to check: a broken connection is noticed at once."""

    # A client.

    def publish_message(self, channel: Optional[str] = None, message: str = "") -> None:
        """Send a message, over the connection of `process_notify` while that is at work.

        Raises FileNotFoundError or ConnectionRefusedError when no service is there.
        """
        data = self._lines(message)
        if self.sock is not None:
            self.sock.sendall(data)
            return
        with socket.socket(socket.AF_UNIX) as sock:
            with _connecting(self.socket_path):
                sock.connect(self.socket_path)
            sock.sendall(data)

    def process_notify(
        self,
        connected_callback: Optional[Callable[[], Any]] = None,
        timeout: float = 5.0,
        max_messages: Optional[int] = 1,
    ) -> Iterator[Tuple[Origin, str]]:
        """Connect, call back, and yield each line that comes, until the service closes or `max_messages` came.

        Raises TimeoutError when nothing comes for `timeout` seconds.
        """
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(timeout)
            try:
                with _connecting(self.socket_path):
                    sock.connect(self.socket_path)
                self.sock = sock
                if connected_callback:
                    connected_callback()
                for count, line in enumerate(_read_lines(sock), 1):
                    yield 0, line
                    if max_messages is not None and count >= max_messages:
                        return
            except socket.timeout:  # which is TimeoutError since Python 3.10
                raise TimeoutError("nothing came from %s within %s s" % (self.socket_path, timeout)) from None
            finally:
                self.sock = None

    def close(self) -> None:
        """Nothing is kept open."""

    async def areplies(self, message: str) -> AsyncIterator[str]:
        """Send a request over a connection of its own and yield each line that comes back."""
        import asyncio

        with _connecting(self.socket_path):
            reader, writer = await asyncio.open_unix_connection(self.socket_path, limit=_LINE_LIMIT)
        try:
            writer.write(self._lines(message))
            await writer.drain()
            while True:
                line = await reader.readline()
                if not line:
                    return
                if line.strip():
                    yield line.decode("utf-8").rstrip("\n")
        finally:
            await _end(writer)

    def _lines(self, message: str) -> bytes:
        chunks = split_message(message, max_bytes=self.max_message_bytes)
        return "".join(chunk + "\n" for chunk in chunks).encode("utf-8")

    # A client that only sends, or the service that answers one of its clients.

    async def apublish_message(
        self, channel: Optional[str] = "", origin: Optional[Origin] = None, message: str = ""
    ) -> None:
        """Send a message to the service; with the number of a client as `origin`, answer that client."""
        import asyncio

        if isinstance(origin, int) and origin >= 0:
            client = self.clients.get(origin)
            if client is None:
                logger.error("Client %d has left before its reply", origin)
            else:
                client.replies.append(self._lines(message))
            return
        with _connecting(self.socket_path):
            _, writer = await asyncio.open_unix_connection(self.socket_path)
        try:
            writer.write(self._lines(message))
            await writer.drain()
        finally:
            await _end(writer)

    # The service.

    async def aprocess_notify(
        self, connected_callback: Optional[AsyncCallback] = None
    ) -> AsyncGenerator[Tuple[Origin, str], None]:
        """Serve the socket: yield (number of the client, line), until `aclose`.

        What is published to a client before the next message is asked for is its reply. A dead
        socket at the path is replaced; raises OSError when something else is there.
        """
        import asyncio

        self._incoming = asyncio.Queue()
        _remove_dead(self.socket_path)
        server = await asyncio.start_unix_server(self._serve, self.socket_path)
        mine = _identity(self.socket_path)
        try:
            if connected_callback:
                await connected_callback()
            while True:
                arrived = await self._incoming.get()
                if arrived is None:
                    return
                yield arrived
                client = self.clients.get(arrived[0])
                if client:
                    client.answered.set()
        finally:
            server.close()
            self._incoming = None
            tasks = [client.task for client in self.clients.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks)
            if _identity(self.socket_path) == mine:
                os.remove(self.socket_path)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Hand on a client's lines one by one, each answered before the next."""
        import asyncio

        number, self._next_client = self._next_client, self._next_client + 1
        task = asyncio.current_task()
        assert task is not None  # asyncio runs it in one
        client = self.clients[number] = _Client(task, asyncio.Event())
        try:
            while self._incoming is not None:
                line = await reader.readline()
                if not line:
                    return
                client.answered.clear()
                self._incoming.put_nowait((number, line.decode("utf-8").rstrip("\n")))
                await client.answered.wait()
                for reply in client.replies:
                    writer.write(reply)
                client.replies.clear()
                await writer.drain()
        except (OSError, ValueError) as exc:  # gone, or a line that is too long or no UTF-8
            logger.warning("Client %d is disconnected: %s", number, exc)
        except asyncio.CancelledError:
            pass  # the service ends, and waits for this task
        finally:
            del self.clients[number]
            await _end(writer)

    async def aclose(self) -> None:
        """End `aprocess_notify`."""
        if self._incoming is not None:
            self._incoming.put_nowait(None)


class _Client:
    """A connection to the service."""

    def __init__(self, task: asyncio.Task[None], answered: asyncio.Event) -> None:
        self.task = task
        self.answered = answered
        self.replies: List[bytes] = []


@contextlib.contextmanager
def _connecting(path: str) -> Iterator[None]:
    """Name the socket in the error of a connection to it that fails because nobody is there."""
    try:
        yield
    except (FileNotFoundError, ConnectionRefusedError) as exc:
        raise type(exc)(exc.errno, "%s (is dispatcherd running?)" % os.strerror(exc.errno), path) from None


def _read_lines(sock: socket.socket) -> Iterator[str]:
    """Yield the lines that are not empty, to the end of the stream."""
    rest = b""
    while True:
        data = sock.recv(_READ_SIZE)
        if not data:
            return
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            if line:
                yield line.decode("utf-8")


async def _end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await writer.wait_closed()
    except OSError:
        pass  # the other side was first


def _identity(path: str) -> Optional[Tuple[int, int]]:
    """Return what tells the file at `path` from another one that takes its place; None without one."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino


def _remove_dead(path: str) -> None:
    """Remove a socket that nobody serves; raises OSError for anything else at `path`."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "there is a file that is no socket", path)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(path)
    except ConnectionRefusedError:
        os.remove(path)
    except FileNotFoundError:
        pass
    else:
        raise OSError(errno.EADDRINUSE, "another service is at this socket", path)
