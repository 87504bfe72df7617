"""The `dispatcherd` library that the project's tasks are marked with, as the runtime uses it."""

import importlib
import os


class _NoExit(Exception):
    """Stands for DispatcherExit where the library is too old to have it."""


class Library:
    """What the runtime needs of whichever `dispatcherd` the environment holds."""

    def __init__(self, home):
        """Import the library; `home` is the directory that holds ours. Raises what the import raises."""
        package = importlib.import_module("dispatcherd")
        exceptions = importlib.import_module("dispatcherd.worker.exceptions")
        module = importlib.import_module("dispatcherd.registry")
        self.registry = module.registry
        self.NotRegistered = module.NotRegistered
        self.Cancel = exceptions.DispatcherCancel
        self.Exit = getattr(exceptions, "DispatcherExit", _NoExit)
        self.name = _describe(package, home)

    def set_up(self, settings):
        """Give the library its settings, a dict, so that tasks can publish.

        Settings that it has already, from a preload, stay. Raises ImportError when it cannot be
        imported, ValueError when it refuses them: without saying why, since that may quote a password.
        """
        if not settings:
            return
        config = importlib.import_module("dispatcherd.config")
        if config.is_setup():
            return
        try:
            config.setup(config=settings)
        except Exception as exc:
            raise ValueError("the library refuses them (%s)" % type(exc).__name__) from None

    def base_class(self):
        """Return the library's TaskWorker, which worker classes derive from."""
        return importlib.import_module("dispatcherd.worker.task").TaskWorker


def _describe(package, home):
    """Return "builtin" for our library, otherwise the name and version of the one installed."""
    paths = [os.path.realpath(path) for path in getattr(package, "__path__", ())]
    if os.path.join(os.path.realpath(home), "dispatcherd") in paths:
        return "builtin"
    from importlib import metadata

    try:
        return "dispatcherd " + metadata.version("dispatcherd")
    except metadata.PackageNotFoundError:
        return "dispatcherd of unknown version"
