"""The main object of the service, which is the daemon."""

from __future__ import annotations

from typing import Optional

from .embedding import in_daemon


class DispatcherMain:
    """The service as a whole; its options are those of `service.main_kwargs`."""

    def __init__(self, producers: object, pool: object, shared: object, node_id: Optional[str] = None,
                 metrics: object = None, chunk_message_timeout_seconds: Optional[float] = 1800.0) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, "for a test there is dispatcherd.testing.adispatcher_service(config)")
