"""A daemon for the time of a test that is a coroutine."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, AsyncIterator, Dict

from .daemon import Daemon


@contextlib.asynccontextmanager
async def adispatcher_service(config: Dict[str, Any]) -> AsyncIterator[Daemon]:
    """Run a daemon with the settings `config`; yield a `dispatcherd.testing.daemon.Daemon` that is ready for tasks.

    Its methods wait for the daemon: call them through `asyncio.to_thread`, or in other tests.
    Raises RuntimeError when it does not start, or fails to end with exit code 0.
    """
    daemon = Daemon(config)
    loop = asyncio.get_running_loop()
    try:
        await loop.run_in_executor(None, daemon.start)
        yield daemon
    finally:
        await loop.run_in_executor(None, daemon.stop)
