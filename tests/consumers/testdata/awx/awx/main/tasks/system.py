"""Stands in for the system tasks of AWX."""

import record
from awx.main.dispatch import get_task_queuename
from django.db import connection

from dispatcherd.publish import task


@task(queue=get_task_queuename)
def dispatch_startup():
    record.note("dispatch_startup")


@task(queue=get_task_queuename, on_duplicate="queue_one", timeout=60)
def awx_periodic_scheduler():
    record.note("awx_periodic_scheduler")


@task(queue="tower_broadcast_all")
def handle_setting_changes(setting_keys):
    record.note("handle_setting_changes", keys=setting_keys)


@task(queue=get_task_queuename, bind=True, on_duplicate="discard")
def cluster_node_heartbeat(binder):
    """Asks the service what it runs, and reaps each job that is not among that."""
    replies = binder.control("running", data={})
    replies.pop("node_id", None)  # of a reply that came over a broker
    active = {entry["uuid"] for entry in replies.values() if entry["task"].startswith("awx.main.tasks.jobs.")}
    own = [entry["uuid"] for entry in replies.values() if entry["task"].endswith("cluster_node_heartbeat")]
    reaped = []
    for (celery_task_id,) in connection.query("SELECT celery_task_id FROM jobs WHERE status IN ('running', 'waiting') ORDER BY celery_task_id"):
        if celery_task_id not in active:
            connection.query("UPDATE jobs SET status = 'failed' WHERE celery_task_id = %s", celery_task_id)
            reaped.append(celery_task_id)
    record.note("cluster_node_heartbeat", reaped=reaped, active=sorted(active), itself=own == [binder.uuid], worker=type(binder.worker_id).__name__)
    dispatch_waiting_jobs.apply_async()


@task(queue=get_task_queuename)
def dispatch_waiting_jobs():
    """Is published by a task in a worker."""
    record.note("dispatch_waiting_jobs")
