"""The processes of the workers, which the daemon's supervisor holds."""

from __future__ import annotations

from typing import List, Optional

from .embedding import in_daemon


class ProcessProxy:
    """The process of one worker."""

    def __init__(self, args: object = None, kwargs: object = None, target: object = None, ctx: object = None) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, 'ask with the control command "workers"')


class ProcessManager:
    """What starts workers. All of them are forked from one fork server, whatever the settings name."""

    def __init__(self, settings: object = None) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, "it starts workers by itself")


class SpawnServerManager(ProcessManager):
    """Starts each worker afresh."""


class ForkServerManager(ProcessManager):
    """Forks workers from a process that has imported the preloads."""

    def __init__(self, preload_modules: Optional[List[str]] = None, settings: object = None) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, "name modules in service.process_manager_kwargs.preload_modules of the settings")
