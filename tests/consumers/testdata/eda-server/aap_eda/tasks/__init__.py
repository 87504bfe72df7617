"""Stands in for the tasks of eda-server, with its timeouts."""

import record
from django.db import connection

from dispatcherd.factories import get_control_from_settings
from dispatcherd.publish import submit_task, task


@task(queue="default", timeout=300, on_duplicate="discard")
def monitor_activations():
    record.note("monitor_activations")


@task(queue="default", timeout=300, on_duplicate="discard")
def monitor_projects():
    """Comes after half a minute, which no test waits for."""


@task(queue="default", timeout=3600, on_duplicate="discard")
def prune_events():
    """Comes after an hour."""


@task(queue="default", on_duplicate="queue_one")
def tick():
    record.note("tick")


@task(queue="activation-node-1", on_duplicate="queue_one")
def monitor_queue():
    record.note("monitor_queue")


@task(queue="default", timeout=1)
def import_project(name):
    record.note("import_project", name=name, rows=connection.query("SELECT 5")[0][0])
    return name


@task(queue="default", timeout=0.5)
def endless():
    """Is ended by its timeout."""
    from aap_eda.services.activation.engine import podman

    podman.run("in time")


def start_activation(activation):
    """Is marked nowhere, and published by submit_task."""
    from aap_eda.services.activation.engine import podman

    podman.run(activation)


@task(queue="default")
def enable_activation(activation, queue):
    """Hands an activation to its node, as a task that publishes to another service, and asks it over Postgres."""
    submit_task(start_activation, args=[activation], uuid="activation-%s" % activation, queue=queue, timeout=300)
    record.wait("activation begins", id=activation)
    control = get_control_from_settings(default_publish_channel=queue)
    (reply,) = control.control_with_reply("running", data={"uuid": "activation-%s" % activation}, timeout=30)
    node = reply.pop("node_id")
    record.note("enable_activation", node=node, tasks=[entry["task"] for entry in reply.values()])
