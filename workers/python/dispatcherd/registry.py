"""Which functions and classes are tasks, with the options they were marked with."""

import inspect
import threading

from .utils import MODULE_METHOD_DELIMITER, resolve_callable


class DispatcherError(RuntimeError):
    """A task cannot be used as asked."""


class NotRegistered(DispatcherError):
    """The function or name is not marked as a task."""


class InvalidMethod(DispatcherError):
    """Only functions, methods and classes can be tasks."""


class DispatcherMethod:
    """A function, or a class with a `run` method, and its options as a task."""

    def __init__(self, fn, queue=None, bind=False, processor_options=(), **submission_defaults):
        """`bind` asks for the binder as first argument; the other options are for publishing.

        Raises InvalidMethod for what has no `__qualname__`.
        """
        if not hasattr(fn, "__qualname__"):
            raise InvalidMethod("only functions and classes can be tasks, not a %s" % type(fn).__name__)
        self.fn = fn
        self.queue = queue
        self.bind = bind
        self.processor_options = tuple(processor_options)
        self.submission_defaults = submission_defaults

    def serialize_task(self):
        """Return the task's name: module and qualified name."""
        return MODULE_METHOD_DELIMITER.join((self.fn.__module__, self.fn.__qualname__))

    def get_callable(self):
        """Return what to call: the function, or `run` of a new instance of the class."""
        return self.fn().run if inspect.isclass(self.fn) else self.fn


class UnregisteredMethod(DispatcherMethod):
    """An importable function that is not marked as a task."""

    def __init__(self, task):
        """Import it; raises ImportError when its module has no such name."""
        fn = resolve_callable(task)
        if fn is None:
            raise ImportError("Dispatcherd could not import provided identifier: %s" % task)
        super().__init__(fn)


class DispatcherMethodRegistry:
    """The tasks of a process, by name. May be used from several threads."""

    def __init__(self):
        self.lock = threading.Lock()
        self.registry = set()  # guarded by lock
        self._by_name = None  # guarded by lock; made when first asked for

    def register(self, fn, **kwargs):
        """Mark `fn` as a task and return its DispatcherMethod; raises InvalidMethod."""
        method = DispatcherMethod(fn, **kwargs)
        with self.lock:
            self.registry.add(method)
            self._by_name = None
        return method

    @property
    def lookup_dict(self):
        """The tasks by name. A decorator runs before a class has its final name, hence so late."""
        with self.lock:
            if self._by_name is None:
                self._by_name = {method.serialize_task(): method for method in self.registry}
            return self._by_name

    def get_method(self, task, allow_unregistered=True):
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

    def get_from_callable(self, fn):
        """Return the task that `fn` was marked as; raises NotRegistered."""
        with self.lock:
            for method in self.registry:
                if method.fn is fn:
                    return method
        raise NotRegistered("%r is not marked as a task" % (fn,))


registry = DispatcherMethodRegistry()
