"""Names of the channels of a node."""


def get_task_queuename():
    """The channel of this node, asked for at each publication."""
    from django.conf import settings

    return settings.CLUSTER_HOST_ID
