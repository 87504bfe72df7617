"""Reads the daemon's own TOML file as settings, so that publishers and service share one file.

What only the daemon uses (schedules, limits, the interpreter) has no place in the settings.
"""

from __future__ import annotations

import re
from typing import Any, Callable, Dict, Mapping, Optional

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(%s)" % "|".join(sorted(_UNITS, key=len, reverse=True)))
_SELF_CHECK_SECONDS = 2.0

Table = Dict[str, Any]


def parse(text: str) -> Table:
    """Return the settings that a TOML text means; raises ImportError without a TOML parser.

    Raises RuntimeError for a section that is no table and a duration that is none, and the
    parser's own error.
    """
    return to_settings(_loads()(text))


def to_settings(document: Mapping[str, Any]) -> Table:
    """Return the settings that a parsed TOML document means."""
    brokers = _brokers(_table(document, "brokers"))
    return {
        "version": document.get("version"), "brokers": brokers, "producers": {},
        "service": _service(document), "publish": _publish(brokers), "worker": _worker(_table(document, "worker")),
    }


def _loads() -> Callable[[str], Table]:
    for name in ("tomllib", "tomli"):
        try:
            loads: Callable[[str], Table] = __import__(name).loads
            return loads
        except ImportError:
            pass
    raise ImportError("a TOML configuration needs Python 3.11 or newer, or tomli: pip install tomli")


def _brokers(section: Table) -> Table:
    brokers: Table = {}
    if "pg_notify" in section:
        brokers["pg_notify"] = _pg_notify(_table(section, "pg_notify", "brokers."))
    if "socket" in section:
        brokers["socket"] = {"socket_path": _table(section, "socket", "brokers.").get("path", "")}
    return brokers


def _pg_notify(section: Table) -> Table:
    config: Table = {"conninfo": section.get("conninfo", "")}
    passfile = str(section.get("passfile", ""))
    if passfile and not passfile.startswith("credential:"):  # which only the daemon is given
        config["passfile"] = passfile
    broker: Table = {"config": config, "channels": list(section.get("channels", ()))}
    if section.get("default_publish_channel"):
        broker["default_publish_channel"] = section["default_publish_channel"]
    if "connect_timeout" in section and "connect_timeout" not in config["conninfo"]:
        timeout = seconds(section["connect_timeout"], "brokers.pg_notify.connect_timeout")
        config["connect_timeout"] = max(1, round(timeout))
    if "max_connection_idle" in section:
        idle = seconds(section["max_connection_idle"], "brokers.pg_notify.max_connection_idle")
        broker["max_connection_idle_seconds"] = idle or None
        broker["max_self_check_message_age_seconds"] = min(idle, _SELF_CHECK_SECONDS) or None
    return broker


def _publish(brokers: Table) -> Table:
    publish = {}
    if len(brokers) > 1:
        publish["default_broker"] = "pg_notify"
    if "socket" in brokers:
        publish["default_control_broker"] = "socket"
    return publish


def _service(document: Mapping[str, Any]) -> Table:
    service: Table = {"pool_kwargs": _pool(_table(document, "pool")), "main_kwargs": {}}
    if document.get("node_id"):
        service["main_kwargs"]["node_id"] = document["node_id"]
    if "chunk_message_timeout" in document:
        service["main_kwargs"]["chunk_message_timeout_seconds"] = seconds(
            document["chunk_message_timeout"], "chunk_message_timeout")
    if "metrics" in document:
        service["metrics_kwargs"] = _metrics(_table(document, "metrics"))
    return service


def _pool(section: Table) -> Table:
    """Return pool_kwargs: the same keys, durations in seconds."""
    pool: Table = {}
    for key, value in section.items():
        if key == "worker_max_lifetime":
            pool["worker_max_lifetime_seconds"] = seconds(value, "pool." + key) or None
        else:
            pool[key] = seconds(value, "pool." + key) if isinstance(value, str) else value
    return pool


def _metrics(section: Table) -> Table:
    host, colon, port = str(section.get("listen", "")).rpartition(":")
    if not colon:
        return {}
    if not port.isdecimal():
        raise RuntimeError('metrics.listen: must be "host:port", got %r' % section["listen"])
    return {"host": host.strip("[]"), "port": int(port)}


def _worker(section: Table) -> Table:
    worker: Table = {}
    if section.get("class"):
        worker["worker_cls"] = section["class"]
    arguments = dict(section.get("kwargs", {}))
    idle_timeout = seconds(section.get("idle_timeout", "0s"), "worker.idle_timeout")
    if idle_timeout:
        arguments["idle_timeout"] = idle_timeout
    if arguments:
        worker["worker_kwargs"] = arguments
    return worker


def _table(parent: Mapping[str, Any], key: str, prefix: str = "") -> Table:
    table = parent.get(key, {})
    if not isinstance(table, dict):
        raise RuntimeError("%s%s: must be a section, got a %s" % (prefix, key, type(table).__name__))
    return table


def seconds(text: Any, key: str) -> float:
    """Return a duration such as "1h30m" or "250ms" in seconds; raises RuntimeError that names `key`."""
    rest: Optional[str] = text if isinstance(text, str) else None
    total = 0.0
    if rest == "0":
        return total
    while rest:
        part = _PART.match(rest)
        if part is None:
            break
        total += float(part.group(1)) * _UNITS[part.group(2)]
        rest = rest[part.end():]
    if rest is None or rest or not text:
        raise RuntimeError('%s: must be a duration such as "15s", got %r' % (key, text))
    return total
