"""A daemon for the time of a test."""

from __future__ import annotations

import contextlib
from typing import Any, Dict, Iterator, Sequence

from .daemon import Daemon


@contextlib.contextmanager
def dispatcher_service(config: Dict[str, Any], main_events: Sequence[str] = (),
                       pool_events: Sequence[str] = ()) -> Iterator[Daemon]:
    """Run a daemon with the settings `config`; yield a `dispatcherd.testing.daemon.Daemon` that is ready for tasks.

    Raises ValueError for any events, which are inside the daemon: ask it by `control` instead.
    Raises RuntimeError when it does not start, or fails to end with exit code 0.
    """
    events = list(main_events) + list(pool_events)
    if events:
        raise ValueError("the events %s are inside the daemon and cannot be waited for: ask it by control()"
                         % ", ".join(events))
    daemon = Daemon(config)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()
