"""A broker that keeps what is published, and hands out what a test puts into it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, AsyncGenerator, Callable, Deque, Dict, Iterator, List, Optional, Tuple

from ...protocols import AsyncCallback, Origin
from .noop import Broker as NoOpBroker


class Broker(NoOpBroker):
    """`published_messages` holds a dict for each: `channel`, `origin`, `message`, `is_async`."""

    def __init__(self) -> None:
        """It has no options."""
        super().__init__()
        self.published_messages: List[Dict[str, Any]] = []
        self._waiting: Deque[Tuple[Origin, str]] = deque()  # for process_notify
        self._awaiting: Deque[Tuple[Origin, str]] = deque()  # for aprocess_notify
        self._arrived: Optional[asyncio.Event] = None

    def __str__(self) -> str:
        return "memory-broker"

    def queue_notification(self, origin: Origin, message: str) -> None:
        """Let a message arrive, once for those who wait by `process_notify` and once by `aprocess_notify`."""
        self._waiting.append((origin, message))
        self._awaiting.append((origin, message))
        if self._arrived is not None:
            self._arrived.set()

    async def aprocess_notify(
        self, connected_callback: Optional[AsyncCallback] = None
    ) -> AsyncGenerator[Tuple[Origin, str], None]:
        """Call back and yield what has arrived and what will, until cancelled."""
        arrived = self._arrived = asyncio.Event()
        if connected_callback:
            await connected_callback()
        while True:
            while self._awaiting:
                yield self._awaiting.popleft()
            arrived.clear()
            await arrived.wait()

    def process_notify(
        self,
        connected_callback: Optional[Callable[[], Any]] = None,
        timeout: float = 5.0,
        max_messages: Optional[int] = 1,
    ) -> Iterator[Tuple[Origin, str]]:
        """Call back and yield what has arrived, at most `max_messages`."""
        if connected_callback:
            connected_callback()
        count = 0
        while self._waiting and (max_messages is None or count < max_messages):
            count += 1
            yield self._waiting.popleft()

    async def apublish_message(
        self, channel: Optional[str] = None, origin: Optional[Origin] = None, message: str = ""
    ) -> None:
        """Keep a message."""
        self._keep(channel, origin, message, True)

    def publish_message(self, channel: Optional[str] = None, message: str = "") -> str:
        """Keep a message and return it."""
        self._keep(channel, None, message, False)
        return message or ""

    def _keep(self, channel: Optional[str], origin: Optional[Origin], message: str, is_async: bool) -> None:
        self.published_messages.append(
            {"channel": channel, "origin": origin, "message": message, "is_async": is_async})
