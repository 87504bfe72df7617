"""What brings tasks into the service, which is all in the daemon."""

from __future__ import annotations

from typing import Any, Dict

from ..service.embedding import in_daemon

__all__ = ["BaseProducer", "BrokeredProducer", "ControlProducer", "OnStartProducer", "ScheduledProducer"]


class BaseProducer:
    """A source of tasks. The daemon has its own kinds, and runs no producer of a project's."""

    def __init__(self) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, "publish from a program of your own, or name one of the daemon's producers in the settings")


class BrokeredProducer(BaseProducer):
    """Takes in what a broker brings."""

    def __init__(self, broker: object, shared: object) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, "name the broker in the settings, under brokers")


class ControlProducer(BaseProducer):
    """Lets the control command `run` submit tasks."""

    def __init__(self, shared: object) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, "name it in the settings, under producers")


class OnStartProducer(BaseProducer):
    """Submits tasks when the service starts: task name -> keys of the message."""

    def __init__(self, task_list: Dict[str, Dict[str, Any]], shared: object) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, "set producers.OnStartProducer.task_list in the settings")


class ScheduledProducer(BaseProducer):
    """Submits tasks every so often: task name -> `schedule` (seconds) and keys of the message."""

    def __init__(self, task_schedule: Dict[str, Dict[str, Any]], shared: object) -> None:
        """Raise RuntimeError: it cannot be made in Python."""
        raise in_daemon(self, "set producers.ScheduledProducer.task_schedule in the settings")
