"""The option for duplicates. The rule itself is the daemon's."""

from __future__ import annotations

from dataclasses import dataclass

from ..utils import DuplicateBehavior
from .params import ProcessorParams


class Blocker:
    """The step that holds or drops a task while an equal one waits or runs."""

    @dataclass
    class Params(ProcessorParams):
        """`on_duplicate` is the value of a utils.DuplicateBehavior."""

        on_duplicate: str = DuplicateBehavior.parallel.value
