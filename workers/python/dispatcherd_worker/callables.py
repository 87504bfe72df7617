"""Which code a task's name stands for, and whether it may run."""

import fnmatch
import importlib
import inspect
import keyword

REGISTERED = "registered"
IMPORTABLE = "importable"
ANY = "any"


def _call(function, *args):
    return function(*args)


class TaskRefused(Exception):
    """The task's name stands for nothing that this worker may run."""


class Callables:
    """Finds the callable for a task's name, by the policy of the worker's configuration.

    `tasks` is "registered" (methods that the project marked as tasks), "importable" (any dotted
    name) or "any" (lambda text too); `allow` are shell patterns, one of which must match the name
    before anything is imported. No pattern means every name.
    """

    def __init__(self, library, tasks, allow):
        """Raises ValueError when the policy is none of the three, or lacks its patterns."""
        if tasks not in (REGISTERED, IMPORTABLE, ANY):
            raise ValueError('worker.tasks: must be "registered", "importable" or "any", got %r' % (tasks,))
        if tasks == IMPORTABLE and not allow:
            raise ValueError('worker.tasks_allow: must name patterns when worker.tasks is "importable"')
        self._library = library
        self._tasks = tasks
        self._allow = tuple(allow)
        self._registered = {}  # name -> (callable, is a class, bind); a registration is for life

    def find(self, name, registry=None, shielded=_call):
        """Return (callable, whether it is a class with `run`, whether it wants the binder).

        `shielded(function, *args)` calls what must not be interrupted: the original's registry
        is left with half a table, for good, by an exception at the wrong moment. Raises TaskRefused when the policy says no, TypeError for a name that is no string, and
        whatever the import of the module raises.
        """
        if type(name) is not str:
            raise TypeError("task must be a string, got %s" % type(name).__name__)
        found = self._registered.get(name)
        if found is None:
            self._check(name)
            found = self._look_up(name, registry or self._library.registry, shielded)
        return found

    def _check(self, name):
        """Raise TaskRefused unless the name alone is acceptable."""
        shown = _shorten(name)
        if self._allow and not any(fnmatch.fnmatchcase(name, pattern) for pattern in self._allow):
            raise TaskRefused("%s matches no pattern of worker.tasks_allow" % shown)
        if _is_dotted(name):
            return
        if not name.startswith("lambda"):
            raise TaskRefused("%s is not the dotted name of a task" % (shown or '""'))
        if self._tasks != ANY:
            raise TaskRefused('%s is lambda text (worker.tasks = "%s")' % (shown, self._tasks))

    def _look_up(self, name, registry, shielded):
        method = shielded(_registered, registry, name)
        if method is None and _is_dotted(name):
            # Which may take long, and may be interrupted. It also spares names that begin with
            # "lambda" from being taken for text by the original's registry.
            importlib.import_module(name.rpartition(".")[0])
            method = shielded(self._get_method, registry, name)
        elif method is None:
            method = self._get_method(registry, name)
        found = (method.fn, inspect.isclass(method.fn), bool(method.bind))
        if shielded(_registered, registry, name) is method:
            self._registered[name] = found
        return found

    def _get_method(self, registry, name):
        try:
            return registry.get_method(name, allow_unregistered=self._tasks != REGISTERED)
        except self._library.NotRegistered:
            raise TaskRefused(
                '%s is not a registered task (worker.tasks = "registered")' % _shorten(name)
            ) from None


def _registered(registry, name):
    return registry.lookup_dict.get(name)


def _is_dotted(name):
    """Tell whether `name` is a.b, each part a name that Python can import."""
    parts = name.split(".")
    return len(parts) > 1 and all(part.isidentifier() and not keyword.iskeyword(part) for part in parts)


def _shorten(name):
    """Return a name for an error text, cut to 200 characters."""
    return name if len(name) <= 200 else name[:200] + "…"
