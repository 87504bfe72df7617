"""What metrics-service does with its service: tasks that publish, and tasks of functions that stay plain ones."""

import django
import record

django.setup()

from apps.tasks.tasks import broken, cleanup  # noqa: E402

from dispatcherd import config  # noqa: E402
from dispatcherd.factories import get_control_from_settings  # noqa: E402
from dispatcherd.publish import submit_task  # noqa: E402

record.answer("configured", [config._configured, hasattr(cleanup, "delay"), config.settings.service["task_settings"]["max_retries"]])
record.wait("execute_due")
record.wait("collect", what="hosts")
record.answer("published", submit_task(cleanup, kwargs={"days": 30}, queue="metrics_tasks", timeout=3600)[1])
record.wait("cleanup")
submit_task(broken, queue="metrics_tasks")
record.wait("broken")
(reply,) = get_control_from_settings().control_with_reply("alive", timeout=30)
record.answer("alive", reply)
