"""The settings that publishers, control clients and the service share."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional

_VERSION = 2
_FILE_VARIABLE = "DISPATCHERD_CONFIG_FILE"


class DispatcherSettings:
    """The sections of a configuration: `brokers`, `producers`, `service`, `publish` and `worker`.

    `dispatcherd` is the section with the keys that only our daemon has, and `daemon_file` the path
    of the daemon's own TOML file where the settings come from one.
    """

    def __init__(self, config: Dict[str, Any]) -> None:
        """Take the sections of `config`; an absent one is empty. Raises RuntimeError unless its version is 2."""
        self.version = _VERSION
        if config.get("version") != _VERSION:
            raise RuntimeError("Current config version is %d, config version must match this" % _VERSION)
        self.brokers: Dict[str, Any] = config.get("brokers") or {}
        self.producers: Dict[str, Any] = config.get("producers") or {}
        self.service: Dict[str, Any] = dict(config.get("service") or {})
        self.publish: Dict[str, Any] = config.get("publish") or {}
        self.worker: Dict[str, Any] = config.get("worker") or {}
        self.service.setdefault("pool_kwargs", {})
        self.dispatcherd: Dict[str, Any] = config.get("dispatcherd") or {}
        self.daemon_file: Optional[str] = None

    def serialize(self) -> Dict[str, Any]:
        """Return a dict that `DispatcherSettings` can be made of again."""
        whole = {
            "version": self.version, "brokers": self.brokers, "producers": self.producers,
            "service": self.service, "publish": self.publish, "worker": self.worker,
        }
        if self.dispatcherd:
            whole["dispatcherd"] = self.dispatcherd
        return whole


def settings_from_file(path: str) -> DispatcherSettings:
    """Read the settings from a file: the daemon's TOML (*.toml), JSON (*.json) or else YAML.

    YAML needs PyYAML, TOML needs Python 3.11 or tomli: the ImportError says so. Raises RuntimeError
    for a file that is no mapping or has another version, and what the parser raises, without a
    quotation of the file.
    """
    with open(path, "rb") as stream:
        text = stream.read().decode("utf-8")
    config = _parser(path)(text)
    if not isinstance(config, dict):
        raise RuntimeError("%s must hold a mapping with the key version, not a %s" % (path, type(config).__name__))
    settings = DispatcherSettings(config)
    if path.endswith(".toml"):
        settings.daemon_file = os.path.abspath(path)
    return settings


def _parser(path: str) -> Any:
    """Return the function that makes a dict of the file's text."""
    if path.endswith(".toml"):
        from .toml import parse

        return parse
    if path.endswith(".json"):
        return json.loads
    return _parse_yaml


def _parse_yaml(text: str) -> Any:
    """Parse YAML. Its own errors quote the line, which may hold a password: the place is enough."""
    try:
        import yaml
    except ImportError as exc:
        raise ImportError("a YAML configuration needs PyYAML: pip install PyYAML") from exc
    try:
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark
        place = " at line %d, column %d" % (mark.line + 1, mark.column + 1) if mark else ""
        raise type(exc)("the configuration is no valid YAML%s" % place) from None


def settings_from_env() -> DispatcherSettings:
    """Read the file that DISPATCHERD_CONFIG_FILE names; raises RuntimeError when it names none."""
    path = os.getenv(_FILE_VARIABLE)
    if path:
        return settings_from_file(path)
    raise RuntimeError("Dispatcherd not configured, set %s or call dispatcherd.config.setup" % _FILE_VARIABLE)


class LazySettings:
    """Stands for the settings before they are known; reads them from the environment when first used."""

    def __init__(self) -> None:
        self._wrapped: Optional[DispatcherSettings] = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # copy and pickle ask for these
            raise AttributeError(name)
        if self._wrapped is None:
            self._wrapped = settings_from_env()
        return getattr(self._wrapped, name)


settings = LazySettings()


def setup(config: Optional[Dict[str, Any]] = None, file_path: Optional[str] = None) -> LazySettings:
    """Set the process's settings from a dict, else from a file, else from the environment; return them."""
    if config:
        settings._wrapped = DispatcherSettings(config)
    elif file_path:
        settings._wrapped = settings_from_file(file_path)
    else:
        settings._wrapped = settings_from_env()
    return settings


@contextmanager
def temporary_settings(config: Dict[str, Any]) -> Iterator[LazySettings]:
    """Use other settings within a `with` block, in the whole process."""
    before = settings._wrapped
    try:
        settings._wrapped = DispatcherSettings(config)
        yield settings
    finally:
        settings._wrapped = before


def is_setup(for_settings: LazySettings = settings) -> bool:
    """Tell whether there are settings; does not read any."""
    return for_settings._wrapped is not None
