"""Stands in for the jobs of AWX, which are classes with a method run."""

import time

import record
from awx.main.dispatch import get_task_queuename
from django.db import connection

from dispatcherd.publish import task
from dispatcherd.worker.exceptions import DispatcherExit
from dispatcherd.worker.task import DispatcherCancel


@task(queue=get_task_queuename)
class RunJob:
    def run(self, uuid, seconds=0):
        record.note("job begins", uuid=uuid)
        connection.query("UPDATE jobs SET status = 'running' WHERE celery_task_id = %s", uuid)
        try:
            time.sleep(seconds)
        except DispatcherCancel:
            connection.query("UPDATE jobs SET status = 'canceled' WHERE celery_task_id = %s", uuid)
            record.note("job canceled", uuid=uuid)
            return None
        connection.query("UPDATE jobs SET status = 'successful' WHERE celery_task_id = %s", uuid)
        return "a job has run"


@task(queue=get_task_queuename)
def stop_worker():
    record.note("stop_worker")
    raise DispatcherExit(0)
