"""The loop of a worker in plain Python, with queues, for tests of a project's worker class.

The workers of the service run `dispatcherd_worker` instead.
"""

from __future__ import annotations

import json
import logging
import queue
from typing import Any

from .. import config
from ..utils import resolve_callable
from .exceptions import DispatcherCancel

logger = logging.getLogger(__name__)

_PLAIN = "dispatcherd.worker.task.TaskWorker"


def work_loop(worker_id: int, settings: str, finished_queue: Any, message_queue: Any) -> None:
    """Make the worker that the settings name, and run it to its end.

    `settings` is JSON, and not looked at where the process has settings already. Raises
    ValueError for a `worker.worker_cls` that is not there, and what the worker raises.
    """
    if not config.is_setup():
        config.setup(config=json.loads(settings))
    section = config.settings.worker
    name = section.get("worker_cls", _PLAIN)
    worker_class = resolve_callable(name)
    if worker_class is None:
        raise ValueError("worker.worker_cls: there is no %s" % name)
    work_loop_internal(worker_class(worker_id=worker_id, finished_queue=finished_queue, message_queue=message_queue,
                                    **section.get("worker_kwargs", {})))


def work_loop_internal(worker: Any) -> None:
    """Run the tasks of the worker's message queue until a "stop" comes or the worker wants to leave.

    It puts a ready message, the result of each task, and a shutdown message into the finished queue.
    """
    worker.on_start()
    worker.finished_queue.put(worker.get_ready_message())
    while not worker.should_exit():
        try:
            message = worker.message_queue.get(timeout=worker.idle_timeout or None)
        except DispatcherCancel:
            logger.info("worker %s was told to cancel a task and runs none", worker.worker_id)
            continue
        except queue.Empty:
            worker.on_idle()
            continue
        except Exception:
            logger.exception("worker %s cannot read its queue, and leaves", worker.worker_id)
            break
        if message == "stop":
            break
        worker.finished_queue.put(_run(worker, message))
    worker.on_shutdown()
    worker.finished_queue.put(worker.get_shutdown_message())


def _run(worker: Any, message: Any) -> Any:
    """Run one task with the hooks around it; return what perform_work returns."""
    result = None
    worker.enter_task_mode()
    try:
        worker.pre_task(message)
    except Exception:
        logger.exception("pre_task raised")
    try:
        result = worker.perform_work(message)
    finally:
        worker.enter_idle_mode()
        if result:
            worker.post_task(result)
    return result
