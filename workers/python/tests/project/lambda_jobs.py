"""A module whose name begins like lambda text."""

from dispatcherd.publish import task


@task()
def half(value):
    return value // 2
