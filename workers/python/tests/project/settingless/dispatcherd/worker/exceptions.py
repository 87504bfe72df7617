"""Its exceptions."""


class DispatcherCancel(Exception):
    """The task was cancelled."""
