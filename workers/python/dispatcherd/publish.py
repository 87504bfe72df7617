"""The decorator that marks a function or class as a task."""

from .registry import registry as default_registry


def task(*, bind=False, queue=None, timeout=None, decorate=True, on_duplicate=None,
         processor_options=(), registry=default_registry):
    """Return a decorator that registers a function, or a class with `run`, and returns it unchanged.

        @task(bind=True)
        def report(binder, month): ...

    `bind` gives the task a binder as first argument, with `uuid`, `worker_id` and `control()`.
    `queue`, `timeout` (seconds), `on_duplicate` (see utils.DuplicateBehavior) and
    `processor_options` are kept with the registration, for those who publish the task;
    `decorate` says whether the function is to carry publishing methods of its own. The decorator
    raises registry.InvalidMethod for what is no function or class.
    """

    def mark(fn):
        registry.register(fn, bind=bind, queue=queue, timeout=timeout,
                          on_duplicate=on_duplicate, processor_options=processor_options)
        return fn

    return mark
