"""The options of the queue: none of its own. The queue itself is the daemon's."""

from __future__ import annotations

from dataclasses import dataclass

from .params import ProcessorParams


class Queuer:
    """The step in which a task waits for a free worker."""

    @dataclass
    class Params(ProcessorParams):
        """`delay`, in seconds, is the delayer's; it is here because programs may name it so."""

        delay: float = 0.0
