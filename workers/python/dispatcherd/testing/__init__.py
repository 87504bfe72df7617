"""Services and brokers for the tests of projects."""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["adispatcher_service", "dispatcher_service", "wait_for_producers_ready"]

_MODULES = {
    "adispatcher_service": "asyncio",
    "dispatcher_service": "subprocess",
    "wait_for_producers_ready": "producers",
}


def __getattr__(name: str) -> Any:
    """Import what a test asks for: the brokers for tests need none of it."""
    if name not in _MODULES:
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    return getattr(importlib.import_module("%s.%s" % (__name__, _MODULES[name])), name)
