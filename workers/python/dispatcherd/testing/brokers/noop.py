"""A broker that sends nothing and receives nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, AsyncGenerator, Callable, Dict, Iterator, Optional, Tuple

from ...protocols import AsyncCallback, BrokerSelfCheckStatus, Origin
from ...protocols import Broker as BrokerProtocol

logger = logging.getLogger(__name__)


class Broker(BrokerProtocol):
    """Takes every message and forgets it."""

    def __init__(self) -> None:
        """It has no options."""
        self.self_check_status = BrokerSelfCheckStatus.IDLE

    def __str__(self) -> str:
        return "noop-broker"

    async def aprocess_notify(
        self, connected_callback: Optional[AsyncCallback] = None
    ) -> AsyncGenerator[Tuple[Origin, str], None]:
        """Call back, and wait until cancelled."""
        if connected_callback:
            await connected_callback()
        await asyncio.Event().wait()
        yield "", ""  # never reached: it makes this a generator

    async def apublish_message(
        self, channel: Optional[str] = None, origin: Optional[Origin] = None, message: str = ""
    ) -> None:
        """Forget a message."""
        self.publish_message(channel, message)

    async def aclose(self) -> None:
        """Nothing is open."""

    def process_notify(
        self,
        connected_callback: Optional[Callable[[], Any]] = None,
        timeout: float = 5.0,
        max_messages: Optional[int] = 1,
    ) -> Iterator[Tuple[Origin, str]]:
        """Call back and yield nothing."""
        if connected_callback:
            connected_callback()
        return iter(())

    def publish_message(self, channel: Optional[str] = None, message: str = "") -> str:
        """Forget a message."""
        logger.debug("A message of %d characters goes nowhere", len(message or ""))
        return ""

    def publish_within(self, connection: Any, channel: Optional[str] = None, message: str = "") -> str:
        """Do what `publish_message` does, whatever becomes of the transaction."""
        return self.publish_message(channel=channel, message=message)

    def close(self) -> None:
        """Nothing is open."""

    def verify_self_check(self, message: Dict[str, Any]) -> None:
        """Nothing can be broken."""
