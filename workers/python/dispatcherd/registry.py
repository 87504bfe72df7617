"""Which functions and classes are tasks, with the options they were marked with, and how they are published."""

from __future__ import annotations

import inspect
import json
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Mapping, Optional, Sequence, Set, Tuple, Union

from .config import LazySettings
from .config import settings as global_settings
from .processors.limits import AnyLimits, Limits
from .utils import MODULE_METHOD_DELIMITER, DispatcherCallable, resolve_callable

if TYPE_CHECKING:
    from .protocols import Broker, ProcessorParams

Queue = Union[str, Callable[[], Optional[str]], None]
"""A channel, a function that returns one at each submission, or None for the broker's own."""


class DispatcherError(RuntimeError):
    """A task cannot be used as asked."""


class NotRegistered(DispatcherError):
    """The function or name is not marked as a task."""


class InvalidMethod(DispatcherError):
    """Only functions, methods and classes can be tasks."""


class DispatcherMethod:
    """A function, or a class with a `run` method, and its options as a task."""

    def __init__(
        self,
        fn: DispatcherCallable,
        queue: Queue = None,
        bind: bool = False,
        processor_options: Iterable[ProcessorParams] = (),
        **submission_defaults: Any,
    ) -> None:
        """Options of the decorator; `submission_defaults` (`timeout`) go into each message if they are true.

        Raises InvalidMethod for what has no `__qualname__`.
        """
        if not hasattr(fn, "__qualname__"):
            raise InvalidMethod("only functions and classes can be tasks, not a %s" % type(fn).__name__)
        self.fn = fn
        self.queue = queue
        self.bind = bind
        self.processor_options = tuple(processor_options)
        self.submission_defaults = submission_defaults

    def serialize_task(self) -> str:
        """Return the task's name: module and qualified name."""
        return MODULE_METHOD_DELIMITER.join((self.fn.__module__, self.fn.__qualname__))

    def get_callable(self) -> Callable[..., Any]:
        """Return what to call: the function, or `run` of a new instance of the class."""
        fn: Any = self.fn
        if inspect.isclass(fn):
            fn = getattr(fn(), "run")
        found: Callable[..., Any] = fn
        return found

    def publication_defaults(self) -> Dict[str, Any]:
        """Return what each message of this task begins with."""
        body = {key: value for key, value in self.submission_defaults.items() if value}
        body.update(task=self.serialize_task(), time_pub=time.time())
        _carry(body, self.processor_options)
        return body

    def get_async_body(
        self,
        args: Optional[Sequence[Any]] = None,
        kwargs: Optional[Mapping[str, Any]] = None,
        uuid: Optional[str] = None,
        bind: bool = False,
        timeout: Optional[float] = 0.0,
        processor_options: Iterable[ProcessorParams] = (),
        limits: Optional[AnyLimits] = None,
    ) -> Dict[str, Any]:
        """Return the message of one submission; see `apply_async`."""
        body = self.publication_defaults()
        body["uuid"] = uuid or _new_uuid()
        given = {"args": args, "kwargs": kwargs, "bind": bind, "timeout": timeout}
        body.update({key: value for key, value in given.items() if value})
        _carry(body, processor_options)
        if limits is not None:
            _carry(body, (Limits.Params.of(limits),))
        return body

    def delay(self, *args: Any, **kwargs: Any) -> Tuple[Dict[str, Any], str]:
        """Submit the task with these arguments; see `apply_async`."""
        return self.apply_async(args=args, kwargs=kwargs)

    def apply_async(
        self,
        args: Optional[Sequence[Any]] = None,
        kwargs: Optional[Mapping[str, Any]] = None,
        queue: Queue = None,
        uuid: Optional[str] = None,
        settings: LazySettings = global_settings,
        bind: bool = False,
        timeout: Optional[float] = 0.0,
        processor_options: Iterable[ProcessorParams] = (),
        connection: Any = None,
        limits: Optional[AnyLimits] = None,
    ) -> Tuple[Dict[str, Any], str]:
        """Submit the task; return its message and the channel that it was sent to.

        `queue` wins over the decorator's, and that over the broker's default; `timeout` (seconds),
        `processor_options` and each of the `limits` (see Limits.Params, or a mapping with its names)
        win over the decorator's. `connection`, a psycopg or any other DB-API connection to the same
        database, sends it in the transaction that is open there: the task appears when that commits,
        and never if it does not. Raises ValueError when there is no channel, when the broker has no
        transactions, or for a limit that is none. That it was sent says nothing of a worker.
        """
        chosen = queue if queue is not None else self.queue
        channel = chosen() if callable(chosen) else chosen
        body = self.get_async_body(args=args, kwargs=kwargs, uuid=uuid, bind=bind, timeout=timeout,
                                   processor_options=processor_options, limits=limits)
        from .factories import get_publisher_from_settings

        broker = get_publisher_from_settings(settings=settings)
        return body, _publish(broker, channel, json.dumps(body), connection)


def _carry(body: Dict[str, Any], options: Iterable[ProcessorParams]) -> None:
    """Put options into a message; a later one wins, and of limits each by itself."""
    for option in options:
        if isinstance(option, Limits.Params):
            option = option.over(Limits.Params.from_message(body))
        body.update(option.to_dict())


def _new_uuid() -> str:
    import uuid  # here, as a worker that publishes nothing starts faster without it

    return str(uuid.uuid4())


def _publish(broker: Broker, channel: Optional[str], message: str, connection: Any) -> Any:
    if connection is None:
        return broker.publish_message(channel=channel, message=message)
    publish_within = getattr(broker, "publish_within", None)
    if publish_within is None:
        raise ValueError("%s cannot publish within a transaction: leave connection out" % broker)
    return publish_within(connection, channel=channel, message=message)


class UnregisteredMethod(DispatcherMethod):
    """An importable function that is not marked as a task."""

    def __init__(self, task: str) -> None:
        """Import it; raises ImportError when its module has no such name."""
        fn = resolve_callable(task)
        if fn is None:
            raise ImportError("Dispatcherd could not import provided identifier: %s" % task)
        super().__init__(fn)


class DispatcherMethodRegistry:
    """The tasks of a process, by name. May be used from several threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.registry: Set[DispatcherMethod] = set()  # guarded by lock
        self._by_name: Optional[Dict[str, DispatcherMethod]] = None  # guarded by lock; made when first asked for

    def register(self, fn: DispatcherCallable, **kwargs: Any) -> DispatcherMethod:
        """Mark `fn` as a task and return its DispatcherMethod; raises InvalidMethod."""
        method = DispatcherMethod(fn, **kwargs)
        with self.lock:
            self.registry.add(method)
            self._by_name = None
        return method

    @property
    def lookup_dict(self) -> Dict[str, DispatcherMethod]:
        """The tasks by name. A decorator runs before a class has its final name, hence so late."""
        with self.lock:
            if self._by_name is None:
                self._by_name = {method.serialize_task(): method for method in self.registry}
            return self._by_name

    def get_method(self, task: str, allow_unregistered: bool = True) -> DispatcherMethod:
        """Return the task of that name, importing its module when it is not known yet.

        Raises NotRegistered when it is no task and `allow_unregistered` is false, ImportError
        when there is no such name, and whatever the import raises.
        """
        known = self.lookup_dict.get(task)
        if known is not None:
            return known
        unregistered = UnregisteredMethod(task)
        known = self.lookup_dict.get(task)  # the import may have marked it
        if known is not None:
            return known
        if not allow_unregistered:
            raise NotRegistered("%s is not marked as a task" % task)
        return unregistered

    def get_from_callable(self, fn: DispatcherCallable) -> DispatcherMethod:
        """Return the task that `fn` was marked as; raises NotRegistered."""
        with self.lock:
            for method in self.registry:
                if method.fn is fn:
                    return method
        raise NotRegistered("%r is not marked as a task" % (fn,))


registry = DispatcherMethodRegistry()
