"""The base of the options for one step of the daemon."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, Dict, Type, TypeVar

P = TypeVar("P", bound="ProcessorParams")


@dataclass
class ProcessorParams:
    """Options that a task carries for one step; each field is a key of the message."""

    def to_dict(self) -> Dict[str, Any]:
        """Return what is put into the message."""
        return asdict(self)

    @classmethod
    def from_message(cls: Type[P], message: Dict[str, Any]) -> P:
        """Read the options from a message; a key that is absent has its default."""
        return cls(**{field.name: message[field.name] for field in fields(cls) if field.name in message})
