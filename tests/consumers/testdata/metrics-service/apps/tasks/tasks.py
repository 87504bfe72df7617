"""Stands in for the tasks of metrics-service. decorate=False leaves the functions as they are."""

import record

from dispatcherd.publish import submit_task, task


@task(queue="metrics_tasks", decorate=False)
def cleanup(days):
    record.note("cleanup", days=days)
    return {"deleted": days}


@task(queue="metrics_tasks", decorate=False, timeout=0.5)
def collect(what):
    record.note("collect", what=what)


@task(queue="metrics_tasks", decorate=False)
def execute_due():
    """Is in the schedule, and publishes what is due: once."""
    if not any(line["kind"] == "execute_due" for line in record.noted()):
        record.note("execute_due")
        submit_task(collect, args=["hosts"], queue="metrics_tasks")


@task(queue="metrics_tasks", decorate=False)
def broken():
    record.note("broken")
    raise ValueError("this is not tried again")
