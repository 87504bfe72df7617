"""Messages over NOTIFY of PostgreSQL. Needs psycopg 3.2 or newer."""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from contextlib import contextmanager, nullcontext
from typing import Any, AsyncGenerator, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple

try:
    import psycopg
    import psycopg.sql
except ImportError as exc:
    raise ImportError('the broker pg_notify needs psycopg 3: pip install "psycopg[binary]>=3.2.4"') from exc

from ..chunking import split_message
from ..protocols import AsyncCallback, BrokerSelfCheckStatus, Origin
from ..protocols import Broker as BrokerProtocol
from ..utils import resolve_callable
from .kept import KeptConnections

logger = logging.getLogger(__name__)

PG_NOTIFY_MAX_PAYLOAD_BYTES = 7999
"""The longest payload that a server takes: it must be shorter than 8000 bytes."""

_MAX_CHANNEL_BYTES = 63

_kept = KeptConnections()


class DispatcherdInvalidChannel(psycopg.errors.SyntaxError):
    """A channel's name is empty, or longer than 63 bytes, which the server would cut off."""


def validate_channel_name(channel_name: str) -> None:
    """Raise DispatcherdInvalidChannel unless the name has 1 to 63 bytes in UTF-8."""
    size = len(channel_name.encode("utf-8"))
    if size == 0:
        raise DispatcherdInvalidChannel("a channel's name must not be empty")
    if size > _MAX_CHANNEL_BYTES:
        raise DispatcherdInvalidChannel("a channel's name has at most %d bytes, got %d" % (_MAX_CHANNEL_BYTES, size))


def create_connection(**config: Any) -> psycopg.Connection[Any]:
    """Connect with psycopg's arguments, in autocommit."""
    connection: psycopg.Connection[Any] = psycopg.Connection.connect(**config)
    if not connection.autocommit:
        connection.autocommit = True
    return connection


async def acreate_connection(**config: Any) -> psycopg.AsyncConnection[Any]:
    """Connect with psycopg's arguments, in autocommit."""
    connection: psycopg.AsyncConnection[Any] = await psycopg.AsyncConnection.connect(**config)
    if not connection.autocommit:
        await connection.set_autocommit(True)
    return connection


def close_connections() -> None:
    """Close all connections that this thread keeps for publishing; the next publication makes a new one."""
    _kept.close_all()


class Broker(BrokerProtocol):
    """Sends by pg_notify() and receives by LISTEN.

    Where `config` alone says how to connect, each thread keeps one connection for what it
    publishes, and what listens has a connection of its own. A factory's connections, and those
    that are passed in, are used as they are and never closed.
    """

    NOTIFY_QUERY_TEMPLATE = "SELECT pg_notify(%s, %s);"

    def __init__(
        self,
        config: Optional[Dict[str, Any]] = None,
        async_connection_factory: Optional[str] = None,
        sync_connection_factory: Optional[str] = None,
        sync_connection: Optional[psycopg.Connection[Any]] = None,
        async_connection: Optional[psycopg.AsyncConnection[Any]] = None,
        channels: Sequence[str] = (),
        default_publish_channel: Optional[str] = None,
        max_connection_idle_seconds: Optional[float] = 30,
        max_self_check_message_age_seconds: Optional[float] = 2,
    ) -> None:
        """Connect to nothing yet.

        `config` are psycopg's arguments, which a factory, a dotted path, is called with as well.
        `channels` are listened to; `default_publish_channel`, or the only one of `channels`, takes
        what is published without a channel. After `max_connection_idle_seconds` without a message
        the broker sends itself one, which must be back within `max_self_check_message_age_seconds`;
        None turns that off. Raises RuntimeError for settings that cannot work, and
        DispatcherdInvalidChannel.
        """
        if not (config or async_connection_factory or async_connection):
            raise RuntimeError("pg_notify needs config, async_connection_factory or async_connection")
        if not (config or sync_connection_factory or sync_connection):
            raise RuntimeError("pg_notify needs config, sync_connection_factory or sync_connection")
        if max_connection_idle_seconds is None:
            max_self_check_message_age_seconds = None
        elif max_self_check_message_age_seconds is None:
            raise RuntimeError("max_self_check_message_age_seconds must be set while max_connection_idle_seconds is")
        elif max_self_check_message_age_seconds > max_connection_idle_seconds:
            raise RuntimeError("max_self_check_message_age_seconds must be at most max_connection_idle_seconds")
        self._config = dict(config or {})
        self._async_connection_factory = async_connection_factory
        self._sync_connection_factory = sync_connection_factory
        self._sync_connection = sync_connection
        self._async_connection = async_connection
        self._listening: Optional[psycopg.Connection[Any]] = None  # a connection of process_notify's own
        self._listening_thread = 0
        self._alistening: Optional[psycopg.AsyncConnection[Any]] = None
        self._uses_kept = False
        self.owns_async_connection = False
        self.max_connection_idle_seconds = max_connection_idle_seconds
        self.max_self_check_message_age_seconds = max_self_check_message_age_seconds
        self.max_message_bytes = PG_NOTIFY_MAX_PAYLOAD_BYTES
        self.broker_id = _unique("broker")
        self.user_channels = channels
        self.default_publish_channel = default_publish_channel
        self.self_check_channel = None if max_connection_idle_seconds is None else _unique("self_check")
        self.channels = [*channels] + ([self.self_check_channel] if self.self_check_channel else [])
        for channel in self.channels:
            validate_channel_name(channel)
        self.self_check_success_count = 0
        self.self_check_success_total_duration = 0.0
        self.self_check_success_max_duration = 0.0
        self._reset_self_check()

    def __str__(self) -> str:
        return "pg_notify-broker"

    def get_publish_channel(self, channel: Optional[str] = None) -> str:
        """Return the channel to publish on: the one given, else the default, else the only one listened to.

        Raises ValueError when that leaves none, DispatcherdInvalidChannel for a bad name.
        """
        if channel is None:
            channel = self.default_publish_channel
        if channel is None and len(self.user_channels) == 1:
            channel = self.user_channels[0]
        if channel is None:
            raise ValueError("no channel to publish on: name one, or set default_publish_channel of pg_notify")
        validate_channel_name(channel)
        return channel

    def get_listen_query(self, channel: str) -> psycopg.sql.Composed:
        """Return LISTEN for a channel, whose name is quoted; raises DispatcherdInvalidChannel."""
        validate_channel_name(channel)
        return psycopg.sql.SQL("LISTEN {}").format(psycopg.sql.Identifier(channel))

    def get_unlisten_query(self) -> psycopg.sql.Composed:
        """Return UNLISTEN for this broker's channels: what else the connection listens to stays."""
        query = psycopg.sql.SQL("UNLISTEN {}")
        return psycopg.sql.SQL("; ").join(query.format(psycopg.sql.Identifier(name)) for name in self.channels)

    # The synchronous side.

    def get_connection(self) -> psycopg.Connection[Any]:
        """Return the connection to publish with: this process's and thread's own, alive as far as can be seen."""
        with self._lent_connection() as connection:
            return connection

    @contextmanager
    def _lent_connection(self) -> Iterator[psycopg.Connection[Any]]:
        """Lend the connection to publish with."""
        if self._listening is not None and self._listening_thread == threading.get_ident():
            yield self._listening
        elif self._sync_connection is not None and not getattr(self._sync_connection, "closed", False):
            yield self._sync_connection
        elif self._sync_connection_factory:
            self._sync_connection = _factory(self._sync_connection_factory)(**self._config)
            yield self._sync_connection
        elif self._config:
            self._uses_kept = True
            with _kept.lent(self._config, create_connection) as connection:
                yield connection
        else:
            raise RuntimeError("the connection that pg_notify was given is closed")

    def publish_message(self, channel: Optional[str] = None, message: str = "") -> str:
        """Send a message; return the channel. If it needs several chunks, all are sent or none.

        A connection that was passed in or made by a factory is used in whatever transaction it is.
        Raises ValueError without a channel, psycopg.OperationalError when the server is away.
        """
        channel = self.get_publish_channel(channel)
        chunks = split_message(message, max_bytes=self.max_message_bytes)
        with self._lent_connection() as connection:
            own = connection is not self._sync_connection
            with connection.transaction() if own and len(chunks) > 1 else nullcontext():
                self._send(connection, channel, chunks)
        logger.debug("Sent %d characters in %d parts to channel %s", len(message), len(chunks), channel)
        return channel

    def publish_within(self, connection: Any, channel: Optional[str] = None, message: str = "") -> str:
        """Send a message in the transaction of the caller's connection; return the channel.

        `connection` is one of psycopg, or any DB-API connection whose parameters are written %s,
        such as Django's. The message arrives if and when the transaction commits. Raises TypeError
        for an asynchronous connection.
        """
        if isinstance(connection, psycopg.AsyncConnection):
            raise TypeError("an asynchronous connection cannot be used here: its cursors must be awaited")
        channel = self.get_publish_channel(channel)
        self._send(connection, channel, split_message(message, max_bytes=self.max_message_bytes))
        return channel

    def _send(self, connection: Any, channel: str, chunks: List[str]) -> None:
        cursor = connection.cursor()
        try:
            for chunk in chunks:
                cursor.execute(self.NOTIFY_QUERY_TEMPLATE, (channel, chunk))
        finally:
            cursor.close()

    def process_notify(
        self,
        connected_callback: Optional[Callable[[], Any]] = None,
        timeout: float = 5.0,
        max_messages: Optional[int] = 1,
    ) -> Iterator[Tuple[Origin, str]]:
        """Listen, call back, and yield what arrives, for `timeout` seconds in all or `max_messages`."""
        connection = self._listening_connection()
        if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            logger.warning("The connection is in a transaction: nothing is sent or arrives before that commits")
        try:
            for channel in self.channels:
                connection.execute(self.get_listen_query(channel))
            deadline = time.monotonic() + timeout
            if connected_callback:
                connected_callback()
            yield from self._arriving(connection, deadline, max_messages)
        finally:
            self._unlisten(connection)

    def _arriving(
        self, connection: psycopg.Connection[Any], deadline: float, max_messages: Optional[int]
    ) -> Iterator[Tuple[Origin, str]]:
        count = 0
        while True:
            # A list, so that all that came in one packet is taken out of psycopg's hands.
            batch = list(connection.notifies(timeout=max(0.0, deadline - time.monotonic()), stop_after=1))
            for notify in batch:
                if notify.channel in self.channels:
                    yield notify.channel, notify.payload
                    count += 1
                    if max_messages is not None and count >= max_messages:
                        return
            if time.monotonic() >= deadline:
                return

    def _listening_connection(self) -> psycopg.Connection[Any]:
        if self._sync_connection is not None or self._sync_connection_factory:
            return self.get_connection()
        if self._listening is None or self._listening.closed:
            self._listening = create_connection(**self._config)
            self._listening_thread = threading.get_ident()
        return self._listening

    def _unlisten(self, connection: psycopg.Connection[Any]) -> None:
        if not self.channels or connection.closed:
            return
        try:
            connection.execute(self.get_unlisten_query())
        except psycopg.Error as exc:
            logger.warning("UNLISTEN after a wait for messages: %s", exc)

    def close(self) -> None:
        """Close the connection that it has listened with, and the thread's, if it has published with that."""
        if self._listening is not None:
            self._listening.close()
            self._listening = None
        if self._uses_kept:
            _kept.close(self._config)
            self._uses_kept = False

    # The asynchronous side.

    async def aget_connection(self) -> psycopg.AsyncConnection[Any]:
        """Return the connection to publish with, a new one if there is none or it is closed."""
        if self._async_connection is None or self._async_connection.closed:
            if self._async_connection_factory:
                self._async_connection = await _factory(self._async_connection_factory)(**self._config)
            elif self._config:
                self._async_connection = await acreate_connection(**self._config)
                self.owns_async_connection = True
            else:
                raise RuntimeError("the connection that pg_notify was given is closed")
        return self._async_connection

    async def apublish_message(
        self, channel: Optional[str] = None, origin: Optional[Origin] = "", message: str = ""
    ) -> None:
        """Send a message; see `publish_message`."""
        channel = self.get_publish_channel(channel)
        chunks = split_message(message, max_bytes=self.max_message_bytes)
        connection = await self.aget_connection()
        if len(chunks) == 1:
            await connection.execute(self.NOTIFY_QUERY_TEMPLATE, (channel, chunks[0]), prepare=False)
            return
        async with connection.transaction():
            for chunk in chunks:
                await connection.execute(self.NOTIFY_QUERY_TEMPLATE, (channel, chunk), prepare=False)

    async def aprocess_notify(
        self, connected_callback: Optional[AsyncCallback] = None
    ) -> AsyncGenerator[Tuple[Origin, str], None]:
        """Listen, call back, and yield what arrives, for ever; check the connection whenever it is idle.

        Raises psycopg.OperationalError when the connection is lost, RuntimeError when a check of it
        is not answered in time.
        """
        connection = await self._alistening_connection()
        try:
            for channel in self.channels:
                await connection.execute(self.get_listen_query(channel))
            if connected_callback:
                await connected_callback()
            while True:
                batch = [n async for n in connection.notifies(timeout=self._patience(), stop_after=1)]
                for notify in batch:
                    if notify.channel in self.channels:
                        yield notify.channel, notify.payload
                if not batch:
                    await self.initiate_self_check()
        finally:
            await self._aunlisten(connection)

    async def _alistening_connection(self) -> psycopg.AsyncConnection[Any]:
        """Return a connection of its own, so that a reply need not wait for the next message."""
        if self._async_connection_factory or (self._async_connection is not None and not self.owns_async_connection):
            return await self.aget_connection()
        if self._alistening is None or self._alistening.closed:
            self._alistening = await acreate_connection(**self._config)
        return self._alistening

    async def _aunlisten(self, connection: psycopg.AsyncConnection[Any]) -> None:
        if not self.channels or connection.closed:
            return
        try:
            await connection.execute(self.get_unlisten_query())
        except psycopg.Error as exc:
            logger.warning("UNLISTEN after a wait for messages: %s", exc)

    async def aclose(self) -> None:
        """Close the connections that are this broker's."""
        if self._alistening is not None:
            await self._alistening.close()
            self._alistening = None
        if self.owns_async_connection and self._async_connection is not None:
            await self._async_connection.close()
            self._async_connection = None
            self.owns_async_connection = False
        self._reset_self_check()

    # The check of an idle connection.

    def _reset_self_check(self) -> None:
        self.self_check_status = BrokerSelfCheckStatus.IDLE
        self.last_self_check_message_time = None if self.max_connection_idle_seconds is None else time.monotonic()

    def _patience(self) -> Optional[float]:
        """Return the seconds to wait for a message before something is done."""
        if self.self_check_status is BrokerSelfCheckStatus.IN_PROGRESS:
            return self.max_self_check_message_age_seconds
        return self.max_connection_idle_seconds

    async def initiate_self_check(self) -> None:
        """Send a message to this broker itself; raises RuntimeError if the one before has not come back."""
        if self.max_connection_idle_seconds is None:
            return
        if self.self_check_status is BrokerSelfCheckStatus.IN_PROGRESS:
            raise RuntimeError("a self-check message did not come back within %.2f s" % self._self_check_age())
        check = {"self_check": True, "task": 'lambda: "%s"' % self.broker_id}
        self.self_check_status = BrokerSelfCheckStatus.IN_PROGRESS
        self.last_self_check_message_time = time.monotonic()
        await self.apublish_message(channel=self.self_check_channel, message=json.dumps(check))

    def verify_self_check(self, message: Mapping[str, Any]) -> None:
        """Note that this broker's own message is back; raises RuntimeError if that took too long."""
        if self.max_self_check_message_age_seconds is None or self.broker_id not in str(message.get("task")):
            return
        age = self._self_check_age()
        self.self_check_status = BrokerSelfCheckStatus.IDLE
        if age >= self.max_self_check_message_age_seconds:
            raise RuntimeError("a self-check message came back after %.2f s only" % age)
        self.self_check_success_count += 1
        self.self_check_success_total_duration += age
        self.self_check_success_max_duration = max(self.self_check_success_max_duration, age)

    def _self_check_age(self) -> float:
        return time.monotonic() - (self.last_self_check_message_time or 0.0)

    def get_self_check_stats(self) -> Dict[str, Any]:
        """Return how many checks succeeded, and the seconds that they took."""
        enabled = self.max_connection_idle_seconds is not None
        count = self.self_check_success_count if enabled else 0
        return {
            "enabled": enabled,
            "success_count": count,
            "average_time_seconds": self.self_check_success_total_duration / count if count else None,
            "max_time_seconds": self.self_check_success_max_duration if count else None,
        }


def _factory(path: str) -> Callable[..., Any]:
    found = resolve_callable(path)
    if found is None:
        raise RuntimeError("there is no connection factory %s" % path)
    return found


def _unique(prefix: str) -> str:
    return "%s_%s" % (prefix, str(uuid.uuid4()).replace("-", "_"))


class ConnectionSaver:
    """The connections that `connection_saver` and `async_connection_saver` share in a process."""

    def __init__(self) -> None:
        self._connection: Optional[psycopg.Connection[Any]] = None
        self._async_connection: Optional[psycopg.AsyncConnection[Any]] = None
        self._lock = threading.Lock()


connection_save = ConnectionSaver()


def connection_saver(**config: Any) -> psycopg.Connection[Any]:
    """Return one connection for the whole process, for use as `sync_connection_factory`.

    It stands for an application that manages its connections by itself: one that has been closed is
    not replaced.
    """
    with connection_save._lock:
        if connection_save._connection is None:
            connection_save._connection = create_connection(**config)
        return connection_save._connection


async def async_connection_saver(**config: Any) -> psycopg.AsyncConnection[Any]:
    """Return one connection for the whole process, replaced when closed, for `async_connection_factory`."""
    with connection_save._lock:
        found = connection_save._async_connection
        if found is None or found.closed:
            found = connection_save._async_connection = await acreate_connection(**config)
        return found
