"""Marks functions and classes as tasks, and submits them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Iterable, Mapping, Optional, Sequence, Tuple, TypeVar

from .config import LazySettings
from .config import settings as global_settings
from .processors.limits import AnyLimits, Limits
from .processors.params import ProcessorParams
from .protocols import ProcessorParams as ProcessorParamsProtocol
from .registry import DispatcherMethod, DispatcherMethodRegistry, NotRegistered, Queue
from .registry import registry as default_registry
from .utils import DispatcherCallable

F = TypeVar("F", bound=DispatcherCallable)


@dataclass
class CompatParams(ProcessorParams):
    """The decorator's `on_duplicate`, as the option that it is short for."""

    on_duplicate: str = "parallel"


class DispatcherDecorator:
    """Marks what it is called with as a task."""

    def __init__(
        self,
        registry: DispatcherMethodRegistry,
        *,
        bind: bool = False,
        decorate: bool = True,
        queue: Queue = None,
        timeout: Optional[float] = None,
        processor_options: Iterable[ProcessorParamsProtocol] = (),
        on_duplicate: Optional[str] = None,
        limits: Optional[AnyLimits] = None,
    ) -> None:
        """Take the options; see `task`."""
        self.registry = registry
        self.bind = bind
        self.decorate = decorate
        self.queue = queue
        self.timeout = timeout
        self.processor_options = tuple(processor_options)
        self.on_duplicate = on_duplicate
        self.limits = None if limits is None else Limits.Params.of(limits)

    def __call__(self, fn: F, /) -> F:
        """Register `fn` and return it, with `delay` and `apply_async` unless `decorate` is false."""
        options = self.processor_options
        if self.on_duplicate:
            options += (CompatParams(on_duplicate=self.on_duplicate),)
        if self.limits is not None:
            options += (self.limits,)
        method = self.registry.register(
            fn, bind=self.bind, queue=self.queue, timeout=self.timeout, processor_options=options)
        if self.decorate:
            setattr(fn, "apply_async", method.apply_async)
            setattr(fn, "delay", method.delay)
        return fn


def task(
    *,
    bind: bool = False,
    queue: Queue = None,
    timeout: Optional[float] = None,
    decorate: bool = True,
    on_duplicate: Optional[str] = None,
    processor_options: Iterable[ProcessorParamsProtocol] = (),
    registry: DispatcherMethodRegistry = default_registry,
    limits: Optional[AnyLimits] = None,
) -> DispatcherDecorator:
    """Return a decorator that marks a function, or a class with a `run` method, as a task.

        @task(queue="reports", timeout=60)
        def report(month): ...

        report("May")  # runs here and now
        report.delay("May")  # is submitted

    `queue` is where it is sent unless the submission names another: a channel, or a function that
    returns one. `timeout` (seconds), `on_duplicate` (a utils.DuplicateBehavior), `limits` (a
    Limits.Params, or a mapping with its names) and `processor_options` go into each message. `bind`
    gives the task a binder as first argument, with `uuid`, `worker_id` and `control()`. With
    `decorate=False` the function stays as it is, and `submit_task` submits it. Raises ValueError for
    a limit that is none; the decorator raises registry.InvalidMethod for what is no function or
    class.
    """
    return DispatcherDecorator(
        registry, bind=bind, queue=queue, timeout=timeout, decorate=decorate,
        on_duplicate=on_duplicate, processor_options=processor_options, limits=limits)


def submit_task(
    fn: DispatcherCallable,
    /,
    *,
    args: Optional[Sequence[Any]] = None,
    kwargs: Optional[Mapping[str, Any]] = None,
    uuid: Optional[str] = None,
    queue: Queue = None,
    timeout: Optional[float] = 0.0,
    processor_options: Iterable[ProcessorParamsProtocol] = (),
    bind: bool = False,
    registry: DispatcherMethodRegistry = default_registry,
    settings: LazySettings = global_settings,
    connection: Any = None,
    limits: Optional[AnyLimits] = None,
) -> Tuple[Dict[str, Any], str]:
    """Submit a function or class, marked as a task or not; return its message and the channel.

    See DispatcherMethod.apply_async for the arguments.
    """
    try:
        method = registry.get_from_callable(fn)
    except NotRegistered:
        method = DispatcherMethod(fn)
    given = {key: value for key, value in (("connection", connection), ("limits", limits)) if value is not None}
    return method.apply_async(args=args, kwargs=kwargs, queue=queue, uuid=uuid, bind=bind, settings=settings,
                              timeout=timeout, processor_options=processor_options, **given)
