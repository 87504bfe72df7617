"""The page of metrics, which the daemon serves."""

from __future__ import annotations

from .embedding import in_daemon


class DispatcherMetricsServer:
    """The HTTP server of the metrics; its options are those of `service.metrics_kwargs`."""

    def __init__(self, port: int = 8070, host: str = "localhost") -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, "set service.metrics_kwargs in the settings")
