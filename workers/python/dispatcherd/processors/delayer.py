"""The option for a delay. The clock is the daemon's."""

from __future__ import annotations

from dataclasses import dataclass

from .params import ProcessorParams


class Delayer:
    """The step that holds a task for a while before anything else happens to it."""

    @dataclass
    class Params(ProcessorParams):
        """`delay` is in seconds; 0 is none."""

        delay: float = 0.0
