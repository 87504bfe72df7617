"""Messages that are longer than their transport allows travel in chunks.

`split_message` makes them, each a JSON object of its own; a `ChunkAccumulator` is fed every object
that arrives and hands out the message when its last chunk is there, in whatever order they come.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from functools import lru_cache
from typing import Any, Dict, Iterator, List, Optional, Tuple

logger = logging.getLogger(__name__)

CHUNK_MARKER = "__dispatcherd_chunk__"
CHUNK_VERSION = "v1"

_LARGEST_CHARACTER = 12  # bytes of a character outside the BMP, as a pair of escapes
_CHUNK_OVERHEAD = 100  # bytes that a chunk takes beside its text, roughly


def split_message(message: str, *, max_bytes: Optional[int] = None) -> List[str]:
    """Return the texts to send, in order: the message itself if it fits into `max_bytes`, else its chunks.

    Without `max_bytes` a message always fits. Raises ValueError when `max_bytes` leaves no room for
    a character, UnicodeEncodeError for a lone surrogate.
    """
    size = len(message.encode("utf-8"))
    if max_bytes is None or size <= max_bytes:
        return [message]
    message_id = uuid.uuid4().hex
    budget = max_bytes - len(_envelope(message_id, size, size, ""))
    if budget < _LARGEST_CHARACTER:
        raise ValueError("max_bytes is too small for a chunk: %d leaves %d bytes of payload, %d are needed"
                         % (max_bytes, budget, _LARGEST_CHARACTER))
    parts = list(_cut(message, budget))
    return [_envelope(message_id, index, len(parts), part) for index, part in enumerate(parts)]


def _cut(message: str, budget: int) -> Iterator[str]:
    """Yield parts as long as possible, whose JSON text has at most `budget` bytes each."""
    start = used = 0
    for position, character in enumerate(message):
        cost = _cost(character)
        if used + cost > budget:
            yield message[start:position]
            start, used = position, 0
        used += cost
    yield message[start:]


@lru_cache(maxsize=1024)
def _cost(character: str) -> int:
    """Return the bytes of a character in JSON text."""
    return len(json.dumps(character)) - 2


def _envelope(message_id: str, index: int, total: int, payload: str) -> str:
    chunk = {CHUNK_MARKER: CHUNK_VERSION, "message_id": message_id, "index": index, "total": total, "payload": payload}
    return json.dumps(chunk, separators=(",", ":"))


def parse_chunk_dict(candidate: Any) -> Optional[Dict[str, Any]]:
    """Return the object if it says that it is a chunk, else None."""
    return candidate if isinstance(candidate, dict) and CHUNK_MARKER in candidate else None


class ChunkAccumulator:
    """Puts chunks together again. May be used from several threads.

    Partial messages are dropped, oldest first, when they take more than `max_bytes` or are more
    than `max_messages`; `expire_partial_messages` drops those that are too old.
    """

    max_bytes = 64 << 20
    max_messages = 1000

    def __init__(self, *, message_timeout_seconds: float = 1800) -> None:
        """`message_timeout_seconds` is how old a partial message may become; 0 and less is for ever."""
        self.message_timeout_seconds = message_timeout_seconds
        self.pending_messages: Dict[str, Dict[int, str]] = {}
        self.expected_totals: Dict[str, int] = {}
        self.assembly_started_at: Dict[str, float] = {}  # oldest first
        self.total_chunks_received = 0
        self.successful_assemblies = 0
        self.errored_assemblies = 0
        self.timed_out_assemblies = 0
        self.dropped_assemblies = 0
        self._sizes: Dict[str, int] = {}
        self._lock = threading.RLock()  # guards all of the above

    def ingest_dict(self, payload_dict: Dict[str, Any]) -> Tuple[bool, Optional[Dict[str, Any]]]:
        """Take an object that has arrived; return whether it is a chunk, and the message that is complete.

        What is no chunk is returned as it is. A chunk that cannot be used is logged and counted.
        """
        chunk = parse_chunk_dict(payload_dict)
        if chunk is None:
            return False, payload_dict
        with self._lock:
            self.total_chunks_received += 1
            problem = _problem(chunk)
            if problem:
                level = logging.WARNING if chunk[CHUNK_MARKER] == CHUNK_VERSION else logging.ERROR
                logger.log(level, "A chunk is dropped: %s", problem)
                self.errored_assemblies += 1
                return True, None
            return True, self._add(chunk["message_id"], chunk["index"], chunk["total"], chunk.get("payload", ""))

    async def aingest_dict(self, payload_dict: Dict[str, Any]) -> Tuple[bool, Optional[Dict[str, Any]]]:
        """Do the same as `ingest_dict`, which does not block."""
        return self.ingest_dict(payload_dict)

    def _add(self, message_id: str, index: int, total: int, payload: str) -> Optional[Dict[str, Any]]:
        known = self.expected_totals.get(message_id, total)
        if known != total:
            logger.warning("Chunks of message %s differ in their total: %d, then %d", message_id, known, total)
        parts = self.pending_messages.setdefault(message_id, {})
        self.assembly_started_at.setdefault(message_id, time.monotonic())
        self.expected_totals[message_id] = total
        grown = _size(payload) - (_size(parts[index]) if index in parts else 0)
        self._sizes[message_id] = self._sizes.get(message_id, 0) + grown
        parts[index] = payload
        if total > len(parts) or any(number not in parts for number in range(total)):
            logger.debug("Message %s has %d of %d chunks", message_id, len(parts), total)
            self._make_room()
            return None
        self._clear(message_id)
        return self._join(message_id, "".join(parts[number] for number in range(total)))

    def _join(self, message_id: str, text: str) -> Optional[Dict[str, Any]]:
        """Return the message; one that is no JSON object is counted and dropped."""
        try:
            message = json.loads(text)
        except ValueError as exc:
            problem = "is not valid JSON: %s" % exc
        else:
            if isinstance(message, dict):
                self.successful_assemblies += 1
                return message
            problem = "is a %s, not an object" % type(message).__name__
        logger.error("Message %s, put together from chunks, %s", message_id, problem)
        self.errored_assemblies += 1
        return None

    def _make_room(self) -> None:
        """Drop the oldest partial messages while they are too many."""
        while len(self._sizes) > self.max_messages or sum(self._sizes.values()) > self.max_bytes:
            oldest = next(iter(self.assembly_started_at))
            logger.error("Message %s is dropped, with chunks %s of %d: partial messages exceed %d bytes or %d messages",
                         oldest, *self._progress(oldest), self.max_bytes, self.max_messages)
            self.dropped_assemblies += 1
            self._clear(oldest)

    def expire_partial_messages(self, current_time: Optional[float] = None) -> None:
        """Drop the partial messages that are too old; `current_time` is of time.monotonic()."""
        with self._lock:
            if self.message_timeout_seconds <= 0:
                return
            now = time.monotonic() if current_time is None else current_time
            for message_id, started in list(self.assembly_started_at.items()):
                if now - started >= self.message_timeout_seconds:
                    logger.error("Message %s expired after %.3f s: it has chunks %s of %d",
                                 message_id, now - started, *self._progress(message_id))
                    self.timed_out_assemblies += 1
                    self._clear(message_id)

    async def aexpire_partial_messages(self) -> None:
        """Do the same as `expire_partial_messages`."""
        self.expire_partial_messages()

    def _progress(self, message_id: str) -> Tuple[List[int], int]:
        return sorted(self.pending_messages[message_id]), self.expected_totals[message_id]

    def _clear(self, message_id: str) -> None:
        del self.pending_messages[message_id], self.expected_totals[message_id]
        del self.assembly_started_at[message_id], self._sizes[message_id]

    def get_status_data(self) -> Dict[str, int]:
        """Return the counters, and how many messages are partial."""
        with self._lock:
            return {
                "total_chunks_received": self.total_chunks_received,
                "successful_assemblies": self.successful_assemblies,
                "errored_assemblies": self.errored_assemblies,
                "timed_out_assemblies": self.timed_out_assemblies,
                "active_messages": len(self.pending_messages),
            }

    def get_partial_messages(self) -> Dict[str, Dict[str, Any]]:
        """Return what is there of each partial message: its age, its total, its chunks and their lengths."""
        with self._lock:
            now = time.monotonic()
            return {
                message_id: {
                    "seconds_since_start": now - self.assembly_started_at[message_id],
                    "expected_total": self.expected_totals[message_id],
                    "chunks": [{"chunk_id": index, "length": len(part)} for index, part in sorted(parts.items())],
                }
                for message_id, parts in self.pending_messages.items()
            }

    async def aget_partial_messages(self) -> Dict[str, Dict[str, Any]]:
        """Do the same as `get_partial_messages`."""
        return self.get_partial_messages()


def _problem(chunk: Dict[str, Any]) -> str:
    """Return what is wrong with a chunk, without its payload; "" if nothing is."""
    if chunk[CHUNK_MARKER] != CHUNK_VERSION:
        return "its version must be %r" % CHUNK_VERSION
    for key, kind in (("message_id", str), ("index", int), ("total", int), ("payload", str)):
        value = chunk.get(key, "" if key == "payload" else None)
        if not isinstance(value, kind):
            return "its %s must be of type %s, not %s" % (key, kind.__name__, type(value).__name__)
    return ""


def _size(payload: str) -> int:
    return len(payload) + _CHUNK_OVERHEAD
