"""The pool of workers, which is in the daemon."""

from __future__ import annotations

from typing import Optional

from .embedding import in_daemon


class WorkerPool:
    """The workers and what each is doing; its options are those of `service.pool_kwargs`, times in seconds."""

    def __init__(self, process_manager: object, shared: object, min_workers: int = 1, max_workers: Optional[int] = None,
                 scaledown_wait: float = 15.0, scaledown_interval: float = 15.0, scaledown_reserve: int = 0,
                 worker_stop_wait: float = 30.0, worker_removal_wait: float = 30.0,
                 worker_max_lifetime_seconds: Optional[float] = 14400.0, results_read_timeout: Optional[float] = None,
                 shutdown_task_grace_period: float = 0.0) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, 'set service.pool_kwargs in the settings, and ask with the control command "workers"')


class PoolWorker:
    """One worker as the pool sees it."""

    def __init__(self, worker_id: int, process: object) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, 'ask with the control command "workers"')
