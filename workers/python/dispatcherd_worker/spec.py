"""What the supervisor tells the fork server about the project, once, before anything is imported."""

import importlib
import os
import sys

from . import constructor, failures
from .callables import REGISTERED, Callables
from .library import Library


class SpecError(Exception):
    """The project cannot be loaded as the spec says; the text names the step and the error."""


class Project:
    """The loaded project: what every worker that is forked from here shares."""

    def __init__(self, spec, home):
        """Load what `spec`, the supervisor's first packet, names; `home` holds our library.

        Raises SpecError, with the original exception as its cause.
        """
        with _Step("working_directory %s" % spec.get("working_directory")):
            if spec.get("working_directory"):
                os.chdir(spec["working_directory"])
        sys.path[:0] = spec.get("python_path") or []
        for name in spec.get("preload") or []:
            with _Step("preload %s" % name):
                importlib.import_module(name)
        with _Step("dispatcherd library"):
            self.library = Library(home)
        with _Step("settings"):
            self.library.set_up(spec.get("settings"))
        with _Step("tasks"):
            self.callables = Callables(self.library, spec.get("tasks") or REGISTERED, spec.get("tasks_allow") or [])
        self.worker_class = None
        if spec.get("class"):
            with _Step("class %s" % spec["class"]):
                self.worker_class = _import_class(spec["class"])
        self.kwargs = {}
        if spec.get("kwargs"):
            with _Step("kwargs"):
                self.kwargs = self._choose(spec["kwargs"])
        self.measures = spec.get("measure") is True
        self.idle_timeout = self.kwargs.pop("idle_timeout", spec.get("idle_timeout") or 0)

    def _choose(self, kwargs):
        """Return those of `kwargs` that the worker class takes; name the others, without their values."""
        taken = constructor.taken(self.worker_class or self.library.base_class(), kwargs)
        for key in kwargs:
            if key not in taken and key not in constructor.ALWAYS_ACCEPTED:
                print("dispatcherd: worker.kwargs: the worker class takes no argument %s: left out"
                      % failures.one_line(key, 100), file=sys.stderr)
        return taken


class _Step:
    """Turns whatever a step of loading raises, SystemExit too, into a SpecError that names it."""

    def __init__(self, name):
        self._name = name

    def __enter__(self):
        return self

    def __exit__(self, kind, exc, trace):
        if exc is not None:
            raise SpecError(self._name) from exc


def _import_class(path):
    module, dot, name = path.rpartition(".")
    if not dot:
        raise ValueError("must be a dotted path")
    found = getattr(importlib.import_module(module), name)
    if not isinstance(found, type):
        raise TypeError("is a %s, not a class" % type(found).__name__)
    return found
