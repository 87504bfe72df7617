"""The transports: a module each, with a class `Broker`."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any, Mapping

if TYPE_CHECKING:
    from ..protocols import Broker


def get_broker_module(broker_name: str) -> ModuleType:
    """Import a broker's module: one of this package, or, for a name with a dot, the module of that name."""
    return importlib.import_module(broker_name if "." in broker_name else "dispatcherd.brokers." + broker_name)


def get_broker(broker_name: str, broker_config: Mapping[str, Any], **overrides: Any) -> Broker:
    """Return a broker, made with its section of the settings; `overrides` win.

    Raises ImportError when there is no such module, TypeError for a key that the broker does not know.
    """
    broker: Broker = get_broker_module(broker_name).Broker(**{**broker_config, **overrides})
    return broker
