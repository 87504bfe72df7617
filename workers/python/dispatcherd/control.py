"""Asks a service for what it does, and tells it to do something: a client of its control commands."""

from __future__ import annotations

import json
import logging
import uuid
from typing import Any, AsyncIterator, Dict, List, Optional, Tuple

from .brokers import get_broker
from .chunking import ChunkAccumulator
from .protocols import Broker

logger = logging.getLogger(__name__)

JSON_ERROR_STR = "JSON parse error"

_PG_NOTIFY = "pg_notify"

Reply = Dict[str, Any]


class Control:
    """Sends control commands by one broker; each call has a broker of its own."""

    def __init__(self, broker_name: str, broker_config: Dict[str, Any], queue: Optional[str] = None) -> None:
        """Take a broker and its section of the settings; `queue` is the channel that the service listens to."""
        self.queuename = queue
        self.broker_name = broker_name
        self.broker_config = broker_config

    def control_with_reply(
        self, command: str, expected_replies: int = 1, timeout: float = 1.0, data: Optional[Dict[str, Any]] = None
    ) -> List[Reply]:
        """Send a command and return the replies, a dict from each service that answered.

        Returns when `expected_replies` have come or `timeout` seconds are over, with those that
        came. Over a socket, where `timeout` bounds each wait, raises TimeoutError when none came.
        Raises ValueError over Postgres when no channel is known, and what connecting raises.
        """
        request = self._request()
        broker = self._broker(request.reply_to)
        message = self.create_message(command, reply_to=request.reply_to, send_data=data)
        arriving = broker.process_notify(
            connected_callback=lambda: broker.publish_message(channel=request.channel, message=message),
            max_messages=None, timeout=timeout)
        try:
            for origin, payload in arriving:
                request.take(origin, payload)
                if len(request.replies) >= expected_replies:
                    break
        except TimeoutError:
            if not request.replies:
                raise
        finally:
            getattr(arriving, "close", _nothing)()
            broker.close()
        return request.replies

    def control(self, command: str, data: Optional[Dict[str, Any]] = None) -> None:
        """Send a command and wait for nothing."""
        channel = self._request_channel()
        broker = self._broker()
        try:
            broker.publish_message(channel=channel, message=self.create_message(command, send_data=data))
        finally:
            broker.close()

    async def acontrol_with_reply(
        self, command: str, expected_replies: int = 1, timeout: float = 1, data: Optional[Dict[str, Any]] = None
    ) -> List[Reply]:
        """Send a command and return the replies that came within `timeout` seconds, as `control_with_reply`."""
        import asyncio  # here, as a program that only publishes does without it

        request = self._request()
        broker = self._broker(request.reply_to)
        message = self.create_message(command, reply_to=request.reply_to, send_data=data)
        try:
            await asyncio.wait_for(self._collect(broker, request, message, expected_replies), timeout=timeout)
        except asyncio.TimeoutError:
            logger.warning("%d of %d replies to %s came within %s s",
                           len(request.replies), expected_replies, command, timeout)
        finally:
            await broker.aclose()
        return request.replies

    async def acontrol(self, command: str, data: Optional[Dict[str, Any]] = None) -> None:
        """Send a command and wait for nothing."""
        channel = self._request_channel()
        broker = self._broker()
        try:
            await broker.apublish_message(channel=channel, message=self.create_message(command, send_data=data))
        finally:
            await broker.aclose()

    @classmethod
    def generate_reply_queue_name(cls) -> str:
        """Return a new name for the channel of replies."""
        return "reply_to_%s" % str(uuid.uuid4()).replace("-", "_")

    def create_message(
        self, command: str, reply_to: Optional[str] = None, send_data: Optional[Dict[str, Any]] = None
    ) -> str:
        """Return the text of a request."""
        message: Dict[str, Any] = {"control": command}
        if reply_to:
            message["reply_to"] = reply_to
        if send_data:
            message["control_data"] = send_data
        return json.dumps(message)

    def _request(self) -> _Request:
        return _Request(self._request_channel(), self.generate_reply_queue_name())

    def _request_channel(self) -> Optional[str]:
        """Return the channel for requests, None where the broker has its own.

        The broker of a request listens to the channel of replies alone, which it must not take for
        the one that the service listens to.
        """
        if self.queuename is not None or self.broker_name != _PG_NOTIFY:
            return self.queuename
        default: Optional[str] = self.broker_config.get("default_publish_channel")
        channels: List[str] = list(self.broker_config.get("channels") or ())
        if default is None and len(channels) != 1:
            raise ValueError("no channel for control requests: set default_publish_channel of pg_notify")
        return channels[0] if default is None else default

    def _broker(self, reply_to: Optional[str] = None) -> Broker:
        """Return a broker, which listens to `reply_to` alone if that is given and the broker has channels."""
        overrides = self._control_broker_overrides()
        if reply_to:
            try:
                return get_broker(self.broker_name, self.broker_config, channels=[reply_to], **overrides)
            except TypeError:
                pass  # it has none
        return get_broker(self.broker_name, self.broker_config, **overrides)

    def _control_broker_overrides(self) -> Dict[str, Any]:
        """Return what keeps a broker from checking a connection that is there for a moment."""
        if self.broker_name == _PG_NOTIFY:
            return {"max_connection_idle_seconds": None, "max_self_check_message_age_seconds": None}
        return {}

    async def _collect(self, broker: Broker, request: _Request, message: str, expected: int) -> None:
        """Send the request and take replies until there are enough."""
        arriving = _areplies(broker, request, message)
        try:
            async for origin, payload in arriving:
                request.take(origin, payload)
                if len(request.replies) >= expected:
                    return
        finally:
            await arriving.aclose()  # type: ignore[attr-defined]


async def _areplies(broker: Broker, request: _Request, message: str) -> AsyncIterator[Tuple[Any, str]]:
    """Send the request and yield what comes: by `areplies` of a broker that has it, else by listening."""
    areplies = getattr(broker, "areplies", None)
    if areplies is not None:
        lines = areplies(message)
        try:
            async for line in lines:
                yield None, line
        finally:
            await lines.aclose()
        return

    async def send() -> None:
        await broker.apublish_message(channel=request.channel, message=message)

    notifications = broker.aprocess_notify(connected_callback=send)
    try:
        async for origin, payload in notifications:
            yield origin, payload
    finally:
        await notifications.aclose()


class _Request:
    """Where a request goes, where its replies come, and what has come."""

    def __init__(self, channel: Optional[str], reply_to: str) -> None:
        self.channel = channel
        self.reply_to = reply_to
        self.replies: List[Reply] = []
        self._chunks = ChunkAccumulator()

    def take(self, origin: Any, payload: str) -> None:
        """Take what has come; what is for another request is dropped, a chunk is kept for the others."""
        if isinstance(origin, str) and origin != self.reply_to:
            logger.warning("A reply to another request came on channel %s and is dropped", origin)
            return
        try:
            message = payload if isinstance(payload, dict) else json.loads(payload)
        except ValueError:
            message = None
        if not isinstance(message, dict):
            logger.warning("A reply of %d characters is no JSON object", len(payload))
            self.replies.append({"error": JSON_ERROR_STR, "original": payload})
            return
        complete = self._chunks.ingest_dict(message)[1]
        if complete is not None:
            self.replies.append(complete)


def _nothing() -> None:
    """Close nothing."""
