"""Waits until a service takes in messages."""

from __future__ import annotations

import asyncio

from .daemon import READY_SECONDS, Daemon

_PACE = 0.05


async def wait_for_producers_ready(dispatcher: Daemon) -> None:
    """Wait until every broker of the daemon is connected; raises TimeoutError after 30 s.

    A daemon that `adispatcher_service` yields is that far; one whose database has been away may not be.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + READY_SECONDS
    while not await loop.run_in_executor(None, dispatcher.producers_are_ready):
        if loop.time() > deadline:
            raise TimeoutError("a broker of the daemon was not connected within %g s" % READY_SECONDS)
        await asyncio.sleep(_PACE)
