"""One Postgres connection for each thread, kept between publications."""

from __future__ import annotations

import contextlib
import os
import select
import threading
import weakref
from typing import Any, Callable, Dict, Iterator, List, Mapping

import psycopg
from psycopg.pq import TransactionStatus

_inherited: List[psycopg.Connection[Any]] = []  # of a parent process; to let go of one would be a warning


class _Kept:
    """A connection and the process that it belongs to; it is closed when nobody holds it any more."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        connection.prepare_threshold = None  # a pooler in front of the server may not keep prepared statements
        self.pid = os.getpid()
        self._end = weakref.finalize(self, _close_in, self.pid, connection)

    def close(self) -> None:
        self._end()

    def is_usable(self) -> bool:
        """Tell whether it may be used here and now.

        A connection that is idle and has something to read has a notice for us, or its own end:
        the server is asked which.
        """
        if self.pid != os.getpid() or self.is_spoilt():
            return False
        waiting = select.poll()
        waiting.register(self.connection.fileno(), select.POLLIN)
        if not waiting.poll(0):
            return True
        try:
            self.connection.execute("SELECT 1")
        except psycopg.Error:
            return False
        return True

    def is_spoilt(self) -> bool:
        """Tell whether it is closed, or an exception has torn its user away from the server's answer."""
        return self.connection.info.transaction_status in (TransactionStatus.ACTIVE, TransactionStatus.UNKNOWN)


def _close_in(pid: int, connection: psycopg.Connection[Any]) -> None:
    """Close a connection, but not the parent's from a child: the server would end it for both."""
    if os.getpid() == pid:
        connection.close()
    else:
        _inherited.append(connection)


class KeptConnections(threading.local):
    """The connections of a thread, by what they were made with.

    A forked child begins with none of its parent's. A thread's are closed when it ends.
    """

    def __init__(self) -> None:
        self._kept: Dict[str, _Kept] = {}

    @contextlib.contextmanager
    def lent(
        self, config: Mapping[str, Any], connect: Callable[..., psycopg.Connection[Any]]
    ) -> Iterator[psycopg.Connection[Any]]:
        """Lend the thread's connection for `config`; one that has died is replaced by `connect(**config)`.

        Meanwhile it is not kept, so that a signal handler which publishes, too, gets another one.
        One that an exception has spoilt is closed.
        """
        key = _key(config)
        kept = self._kept.pop(key, None)
        if kept is None or not kept.is_usable():
            kept = _Kept(connect(**config))
        try:
            yield kept.connection
        finally:
            if not kept.is_spoilt():
                self._kept[key] = kept

    def get(
        self, config: Mapping[str, Any], connect: Callable[..., psycopg.Connection[Any]]
    ) -> psycopg.Connection[Any]:
        """Return the thread's connection for `config`, which stays the thread's."""
        with self.lent(config, connect) as connection:
            return connection

    def close(self, config: Mapping[str, Any]) -> None:
        """Close the thread's connection for `config`, if there is one."""
        kept = self._kept.pop(_key(config), None)
        if kept is not None:
            kept.close()

    def close_all(self) -> None:
        """Close all of the thread's connections."""
        while self._kept:
            self._kept.popitem()[1].close()


def _key(config: Mapping[str, Any]) -> str:
    return repr(sorted(config.items(), key=lambda item: item[0]))
