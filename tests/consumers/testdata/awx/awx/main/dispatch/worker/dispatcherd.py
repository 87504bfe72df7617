"""The worker class of AWX. Its module has the name of the library that it imports."""

import record
from dispatcherd.worker.task import TaskWorker
from django.core.cache import cache
from django.db import connection


class AWXTaskWorker(TaskWorker):
    def on_start(self):
        record.note("on_start", connected=connection.wrapped is not None, cache_closed=cache.closed)

    def pre_task(self, message):
        if "jobs.RunJob" in message["task"]:
            record.note("pre_task", uuid=message["uuid"])

    def post_task(self, result):
        connection.close()
        if result.get("result") == "a job has run":
            record.note("post_task", result=result["result"])

    def on_idle(self):
        record.note("on_idle")

    def on_shutdown(self):
        record.note("on_shutdown")
