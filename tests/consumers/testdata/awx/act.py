"""What AWX does with its service: broadcasts, jobs, the heartbeat that reaps, a cancel, and its own tests' broker."""

import django
import record

django.setup()

from awx.main.tasks.jobs import RunJob, stop_worker  # noqa: E402
from awx.main.tasks.system import cluster_node_heartbeat, handle_setting_changes  # noqa: E402
from django.db import connection  # noqa: E402

from dispatcherd.config import is_setup, settings, temporary_settings  # noqa: E402
from dispatcherd.factories import get_control_from_settings  # noqa: E402
from dispatcherd.processors.blocker import Blocker  # noqa: E402
from dispatcherd.processors.delayer import Delayer  # noqa: E402
from dispatcherd.publish import submit_task  # noqa: E402
from dispatcherd.utils import MODULE_METHOD_DELIMITER, serialize_task  # noqa: E402


def row(celery_task_id):
    connection.query("INSERT INTO jobs VALUES (%s, 'waiting')", celery_task_id)


def cancel(uuid):
    (reply,) = get_control_from_settings().control_with_reply("cancel", data={"uuid": uuid}, timeout=30)
    return {key: value if key == "node_id" else value["task"] for key, value in reply.items() if not key.startswith("worker-")}


def shown():
    """How many jobs of each uuid are in the reply to running: every key but node_id must be a task."""
    (reply,) = get_control_from_settings().control_with_reply("running", timeout=30)
    node = reply.pop("node_id")
    uuids = [entry["uuid"] for entry in reply.values() if entry["task"] == serialize_task(RunJob)]
    return [node, {uuid: uuids.count(uuid) for uuid in uuids}]


def beat(**facts):
    cluster_node_heartbeat.apply_async()
    record.wait("cluster_node_heartbeat", **facts)


record.answer("configured", [is_setup(), MODULE_METHOD_DELIMITER, settings.service["pool_kwargs"]["min_workers"], sorted(settings.brokers)])
connection.query("CREATE TABLE jobs (celery_task_id text, status text)")
record.wait("dispatch_startup")
record.wait("awx_periodic_scheduler")
handle_setting_changes.delay(["LOG_LEVEL"])
record.wait("handle_setting_changes")

for name in ("short", "long", "late", "ghost"):
    row(name)
obj, queue = RunJob.apply_async(args=["short"], uuid="short")
record.answer("published", [obj["uuid"], obj["task"], queue])
record.wait("post_task")
RunJob.apply_async(args=["long", 600], uuid="long")
record.wait("job begins", uuid="long")
submit_task(RunJob, args=["late"], uuid="late", processor_options=[Delayer.Params(delay=600)])
beat(reaped=["ghost"], active=["late", "long"])
record.wait("dispatch_waiting_jobs")
for number in range(40):  # a reply in many chunks
    submit_task(RunJob, args=["many"], uuid="many", processor_options=[Delayer.Params(delay=600)])
cluster_node_heartbeat.apply_async()
record.wait("cluster_node_heartbeat", active=["late", "long", "many"])
record.answer("running", shown())
cancel("many")
cancel("long")
record.wait("job canceled", uuid="long")
record.answer("cancelled", cancel("late"))
beat(reaped=["late"], active=[])

row("first")
submit_task(RunJob, args=["first"], uuid="first", processor_options=[Blocker.Params(on_duplicate="serial")])
record.wait("pre_task", uuid="first")
stop_worker.delay()
record.wait("stop_worker")
record.wait("on_shutdown")
record.wait("on_idle")
with temporary_settings({"version": 2, "brokers": {"dispatcherd.testing.brokers.noop": {}}}):
    record.answer("published in a test", RunJob.apply_async(args=["nowhere"], uuid="nowhere", queue="any")[1])
record.answer("jobs", dict(connection.query("SELECT celery_task_id, status FROM jobs WHERE celery_task_id <> 'first'")))
