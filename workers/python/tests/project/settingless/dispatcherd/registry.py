"""Its registry, without a task."""


class NotRegistered(Exception):
    """There is no task."""


class registry:
    """Knows no task."""

    lookup_dict = {}
