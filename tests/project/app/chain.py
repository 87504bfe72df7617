"""A task that starts another one by publishing it, with the settings that its worker has been given."""

from dispatcherd.publish import task

from .tasks import note


@task()
def first(path):
    second.delay(path)


@task(bind=True)
def second(binder, path):
    note(path, binder.uuid)
