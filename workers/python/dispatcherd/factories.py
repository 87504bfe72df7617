"""Makes brokers, control clients and the parts of a service from the settings."""

from __future__ import annotations

import importlib
import inspect
import re
from copy import deepcopy
from typing import Any, Dict, Iterable, List, Optional, Type

from .brokers import get_broker, get_broker_module
from .config import LazySettings
from .config import settings as global_settings
from .control import Control
from .protocols import Broker, DispatcherMain, Producer, SharedAsyncObjects, WorkerPool

__all__ = [
    "brokers_from_settings", "from_settings", "generate_settings_schema", "get_broker", "get_control_from_settings",
    "get_publisher_from_settings", "pool_from_settings", "process_manager_from_settings", "producers_from_settings",
]

_CHANNEL_OPTIONS = ("channels", "default_publish_channel")
_DEBUGGING_BROKERS = tuple("dispatcherd.testing.brokers." + name for name in ("noop", "error_only", "memory"))
_PROCESS_MANAGERS = ("ProcessManager", "ForkServerManager", "SpawnServerManager")
_SERIALIZED = {"int", "str", "dict", "Dict", "None", "tuple", "Tuple", "list", "List", "float", "bool", "Optional",
               "Union", "Sequence", "Any"}


# Publishers and control clients.


def _get_publisher_broker_name(publish_broker: Optional[str] = None, settings: LazySettings = global_settings) -> str:
    """Return the broker to publish with: the one asked for, the only one, or the default.

    Raises RuntimeError when that leaves several.
    """
    if publish_broker:
        return publish_broker
    if len(settings.brokers) == 1:
        only: str = next(iter(settings.brokers))
        return only
    default: Optional[str] = settings.publish.get("default_broker")
    if default is None:
        raise RuntimeError("cannot choose the broker to publish with from %s: set publish.default_broker"
                           % list(settings.brokers))
    return default


def _section(name: str, settings: LazySettings) -> Dict[str, Any]:
    """Return a broker's section of the settings; raises KeyError that names those that are there."""
    if name not in settings.brokers:
        raise KeyError("there is no broker %s in the settings, only %s" % (name, list(settings.brokers)))
    return dict(settings.brokers[name] or {})


def get_publisher_from_settings(
    publish_broker: Optional[str] = None, settings: LazySettings = global_settings, **overrides: Any
) -> Broker:
    """Return a broker to publish with; `overrides` win over its section of the settings."""
    name = _get_publisher_broker_name(publish_broker, settings)
    return get_broker(name, _section(name, settings), **overrides)


def get_control_from_settings(
    publish_broker: Optional[str] = None, settings: LazySettings = global_settings, **overrides: Any
) -> Control:
    """Return a control client; `overrides` win over the broker's section of the settings.

    `publish.default_control_broker` wins even over `publish_broker`. Channels are left out for a
    broker that has none, since the caller need not know which one it is.
    """
    name = settings.publish.get("default_control_broker") or _get_publisher_broker_name(publish_broker, settings)
    config = _section(name, settings)
    config.update(_fitting(name, overrides))
    return Control(name, config)


def _fitting(broker_name: str, overrides: Dict[str, Any]) -> Dict[str, Any]:
    """Return the overrides without channels for a broker that has none."""
    if not any(option in overrides for option in _CHANNEL_OPTIONS):
        return overrides
    parameters = inspect.signature(get_broker_module(broker_name).Broker).parameters
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values()):
        return overrides
    return {key: value for key, value in overrides.items() if key in parameters or key not in _CHANNEL_OPTIONS}


# The parts of a service.


def brokers_from_settings(
    settings: LazySettings = global_settings, shared: Optional[SharedAsyncObjects] = None
) -> List[Broker]:
    """Return all brokers of the settings, in order."""
    more = {} if shared is None else {"shared": shared}
    return [get_broker(name, config or {}, **more) for name, config in settings.brokers.items()]


def producers_from_settings(shared: SharedAsyncObjects, settings: LazySettings = global_settings) -> Iterable[Producer]:
    """Return a producer for each broker, then those of the settings."""
    classes = _module("producers")
    made: List[Producer] = [classes.BrokeredProducer(shared=shared, broker=broker)
                            for broker in brokers_from_settings(settings=settings)]
    for name, config in settings.producers.items():
        made.append(getattr(classes, name)(**(config or {}), shared=shared))
    return made


def process_manager_from_settings(settings: LazySettings = global_settings) -> Any:
    """Return what starts the worker processes."""
    name = settings.service.get("process_manager_cls", "ForkServerManager")
    config = settings.service.get("process_manager_kwargs") or {}
    return getattr(_module("service.process"), name)(**config, settings=settings)


def pool_from_settings(shared: SharedAsyncObjects, settings: LazySettings = global_settings) -> WorkerPool:
    """Return the pool of workers."""
    pool: WorkerPool = _module("service.pool").WorkerPool(
        **(settings.service.get("pool_kwargs") or {}), shared=shared,
        process_manager=process_manager_from_settings(settings=settings))
    return pool


def from_settings(settings: LazySettings = global_settings) -> DispatcherMain:
    """Return a whole service, which `main()` runs."""
    shared = _module("service.asyncio_tasks").SharedAsyncObjects()
    arguments = dict(settings.service.get("main_kwargs") or {})
    if settings.service.get("metrics_kwargs") is not None:
        metrics = _module("service.metrics").DispatcherMetricsServer
        arguments["metrics"] = metrics(**settings.service["metrics_kwargs"])
    main: DispatcherMain = _module("service.main").DispatcherMain(
        producers=producers_from_settings(settings=settings, shared=shared),
        pool=pool_from_settings(settings=settings, shared=shared), shared=shared, **arguments)
    return main


def _module(name: str) -> Any:
    """Import a part of the library that only a service needs."""
    return importlib.import_module("dispatcherd." + name)


# What may be in the settings.


def is_valid_annotation(annotation: Any) -> bool:
    """Tell whether values of that type can be written in a settings file."""
    names = set(re.findall(r"\w+", _written(annotation)))
    return bool(names) and names <= _SERIALIZED


def schema_for_cls(cls: Type[Any]) -> Dict[str, str]:
    """Return the constructor's arguments that can be in a settings file, with their types as they are written."""
    parameters = inspect.signature(cls).parameters
    return {name: _written(p.annotation) for name, p in parameters.items() if is_valid_annotation(p.annotation)}


def _written(annotation: Any) -> str:
    """Return the text of an annotation, "" without one."""
    if annotation is inspect.Parameter.empty:
        return ""
    if isinstance(annotation, type):
        return annotation.__name__
    return str(annotation).replace("typing.", "").replace("NoneType", "None")


def generate_settings_schema(settings: LazySettings = global_settings) -> Dict[str, Any]:
    """Return the shape that settings may have: their sections, with a type in place of each value."""
    schema: Dict[str, Any] = deepcopy(settings.serialize())
    process = _module("service.process")
    managers: Dict[str, str] = {}
    for name in _PROCESS_MANAGERS:
        managers.update(schema_for_cls(getattr(process, name)))
    schema["service"].update(
        pool_kwargs=schema_for_cls(_module("service.pool").WorkerPool),
        main_kwargs=schema_for_cls(_module("service.main").DispatcherMain),
        metrics_kwargs=schema_for_cls(_module("service.metrics").DispatcherMetricsServer),
        process_manager_cls="Literal[%s]" % ", ".join(repr(name) for name in _PROCESS_MANAGERS),
        process_manager_kwargs=managers)
    schema["worker"] = {"worker_cls": "Any", "worker_kwargs": schema_for_cls(_module("worker.task").TaskWorker)}
    for name in [*settings.brokers, *_DEBUGGING_BROKERS]:
        schema["brokers"][name] = schema_for_cls(get_broker_module(name).Broker)
    for name in settings.producers:
        schema["producers"][name] = schema_for_cls(getattr(_module("producers"), name))
    schema["publish"] = {"default_broker": "str"}
    return schema
