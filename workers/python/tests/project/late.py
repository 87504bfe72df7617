"""A module that is imported by the first task that names it."""

from dispatcherd.publish import task


@task()
def double(value):
    return 2 * value


@task(bind=True)
def bound(binder):
    return binder.uuid
