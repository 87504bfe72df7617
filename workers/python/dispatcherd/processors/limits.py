"""The option for limits on what a task may take. The daemon sets them, and says what it cost."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any, Dict, Mapping, Optional, Union

from .params import ProcessorParams

Amount = Union[int, str]
"""A number, or a text as systemd has it: "512M", "50%", "infinity"."""


class Limits:
    """The step that limits what a task may take."""

    @dataclass
    class Params(ProcessorParams):
        """The limits of one task, in systemd's words; None is whatever the daemon's configuration says.

        `memory_high` (from where on the task is slowed down), `memory_max` (from where on it is
        ended) and `swap_max` are bytes, or a text such as "512M" or "1.5G" (K, M, G, T: powers of
        1024), "50%" (of what the service may use) or "infinity". `cpu_quota` is a share of one CPU:
        "150%" is one and a half. `cpu_weight` and `io_weight`, 1 to 10000, are the share where
        there is not enough for all; 100 is usual. `tasks_max` is how many processes and threads
        there may be: a number, "50%" or "infinity".

        What is above the configuration's limits is refused by the daemon. A value that is none of
        these, or `memory_high` above `memory_max`, is a ValueError here.
        """

        memory_high: Optional[Amount] = None
        memory_max: Optional[Amount] = None
        swap_max: Optional[Amount] = None
        cpu_quota: Optional[str] = None
        cpu_weight: Optional[int] = None
        io_weight: Optional[int] = None
        tasks_max: Optional[Amount] = None

        def __post_init__(self) -> None:
            for key, value in self._given().items():
                if not _KINDS[key](value):
                    raise ValueError("limits: %s must be %s, not %r" % (key, _WORDS[_KINDS[key]], value))
            if self.memory_high is not None and self.memory_max is not None:
                if _is_above(self.memory_high, self.memory_max):
                    raise ValueError("limits: memory_high (%s) is above memory_max (%s)" % (self.memory_high, self.memory_max))

        def to_dict(self) -> Dict[str, Any]:
            """Return what is put into the message: the key `limits` with those that are given."""
            given = self._given()
            return {"limits": given} if given else {}

        @classmethod
        def from_message(cls, message: Dict[str, Any]) -> Limits.Params:
            """Read the limits from a message; raises ValueError for what is no such limit."""
            return cls.of(message.get("limits", {}))

        @classmethod
        def of(cls, limits: AnyLimits) -> Limits.Params:
            """Return limits that are given as a mapping, or as they are; raises ValueError."""
            if isinstance(limits, cls):
                return limits
            if not isinstance(limits, Mapping):
                raise ValueError("limits must be a mapping or Limits.Params, not %r" % (limits,))
            names = [field.name for field in fields(cls)]
            unknown = [name for name in limits if name not in names]
            if unknown:
                raise ValueError("limits: there is no %s; there are %s" % (unknown[0], ", ".join(names)))
            return cls(**limits)

        def over(self, others: Limits.Params) -> Limits.Params:
            """Return these limits, and of the others those that are not among them."""
            return Limits.Params(**{**others._given(), **self._given()})

        def _given(self) -> Dict[str, Any]:
            return {key: value for key, value in asdict(self).items() if value is not None}


AnyLimits = Union[Limits.Params, Mapping[str, Any]]
"""How limits may be given: `Limits.Params`, or a mapping with the names of its fields."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _percent(value: Any) -> Optional[int]:
    found = re.fullmatch("([0-9]+)%", value) if isinstance(value, str) else None
    return int(found[1]) if found else None


def _bytes(value: Any) -> Optional[float]:
    """Return a size that is neither a share nor infinite, or None if it is no such size."""
    if _is_number(value):
        return float(value)
    found = re.fullmatch("([0-9]+(?:[.][0-9]+)?)([KMGT]?)", value) if isinstance(value, str) else None
    return float(found[1]) * 1024.0 ** " KMGT".index(found[2] or " ") if found else None


def _is_size(value: Any) -> bool:
    share, size = _percent(value), _bytes(value)
    return value == "infinity" or share is not None and share <= 100 or size is not None and size >= 0


def _is_quota(value: Any) -> bool:
    return value == "infinity" or (_percent(value) or 0) > 0


def _is_weight(value: Any) -> bool:
    return _is_number(value) and 1 <= value <= 10000


def _is_count(value: Any) -> bool:
    return value == "infinity" or 0 < (_percent(value) or 0) <= 100 or _is_number(value) and value > 0


_KINDS = {
    "memory_high": _is_size, "memory_max": _is_size, "swap_max": _is_size, "cpu_quota": _is_quota,
    "cpu_weight": _is_weight, "io_weight": _is_weight, "tasks_max": _is_count,
}
_WORDS = {
    _is_size: 'a size such as "512M", a share such as "50%", at most 100%, or "infinity"',
    _is_quota: 'a share of one CPU such as "150%", or "infinity"',
    _is_weight: "a whole number from 1 to 10000",
    _is_count: 'a whole number from 1 on, a share such as "50%", at most 100%, or "infinity"',
}


def _is_above(high: Amount, most: Amount) -> bool:
    """Tell whether one size is above another, where both are shares, or both numbers of bytes."""
    pairs = ((_percent(high), _percent(most)), (_bytes(high), _bytes(most)))
    return any(a is not None and b is not None and a > b for a, b in pairs)
