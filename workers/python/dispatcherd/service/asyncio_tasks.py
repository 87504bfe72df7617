"""What asyncio programs around the service share: tasks that must not fail unseen, and waits with names."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import Any, Iterable, Optional

logger = logging.getLogger(__name__)


class SharedAsyncObjects:
    """What the parts of one asyncio program have in common.

    Both are made when they are first asked for: before Python 3.10 that needs the loop.
    """

    @functools.cached_property
    def exit_event(self) -> asyncio.Event:
        """Says that the program is to end."""
        return asyncio.Event()

    @functools.cached_property
    def forking_and_connecting_lock(self) -> asyncio.Lock:
        """Is held by who connects or forks."""
        return asyncio.Lock()


class CallbackHolder:
    """Sets an event when a task has failed."""

    def __init__(self, exit_event: Optional[asyncio.Event]) -> None:
        """`exit_event` may be None: the failure is raised in any case."""
        self.exit_event = exit_event

    def done_callback(self, task: asyncio.Task[Any]) -> None:
        """Raise what the task raised, after the event is set; a cancelled task is no failure."""
        if task.cancelled():
            logger.info("task %s was cancelled", task.get_name())
            return
        failure = task.exception()
        if failure is not None:
            if self.exit_event is not None:
                self.exit_event.set()
            raise failure


def ensure_fatal(task: asyncio.Task[Any], exit_event: Optional[asyncio.Event] = None) -> asyncio.Task[Any]:
    """Set `exit_event` and raise when the task fails, at once if it has; return the task."""
    holder = CallbackHolder(exit_event)
    task.add_done_callback(holder.done_callback)
    if task.done() and not task.cancelled():
        holder.done_callback(task)
    return task


async def wait_for_any(events: Iterable[asyncio.Event], names: Optional[Iterable[str]] = None) -> int:
    """Wait until one of the events is set; return the index of the first that is.

    `names` are for the tasks that wait, so that one sees in a listing what is waited for.
    """
    waits = [asyncio.ensure_future(event.wait()) for event in events]
    for wait, name in zip(waits, names or ()):
        wait.set_name(name)
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        return next(index for index, wait in enumerate(waits) if wait.done())
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)


async def named_wait(event: asyncio.Event, name: str) -> None:
    """Wait for the event in a task that is named for it."""
    task = asyncio.current_task()
    if task is not None:
        task.set_name(name)
    await event.wait()


async def cancel_other_tasks(*, timeout: float = 5.0) -> None:
    """Cancel every other task of the loop, and wait `timeout` seconds for their end.

    What a task raises meanwhile is logged, and so is each that has not ended.
    """
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    if not others:
        return
    done, pending = await asyncio.wait(others, timeout=timeout)
    for task in done:
        if not task.cancelled() and task.exception() is not None:
            logger.error("task %s raised when it was cancelled", task.get_name(), exc_info=task.exception())
    for task in pending:
        logger.warning("task %s has not ended %.1f s after it was cancelled", task.get_name(), timeout)
