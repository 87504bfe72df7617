"""A broker that cannot send, for tests of what a project does then."""

from __future__ import annotations

from typing import Optional

from .noop import Broker as NoOpBroker


class Broker(NoOpBroker):
    """Raises RuntimeError whenever something is published."""

    def __init__(self, error_message: str = "Error-only broker: publishing is not allowed") -> None:
        """`error_message` is the text of the error."""
        super().__init__()
        self.error_message = error_message

    def __str__(self) -> str:
        return "error-only-broker"

    def publish_message(self, channel: Optional[str] = None, message: str = "") -> str:
        """Raise the error."""
        raise RuntimeError(self.error_message)
