"""What AWX loads before workers are forked: Django, the tasks, the broker; then it closes what no fork may inherit."""

import os

import django
import record

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "awx.settings")
django.setup()

from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402

import dispatcherd.brokers.pg_notify  # noqa: E402, F401
from dispatcherd.utils import resolve_callable  # noqa: E402

resolve_callable("awx.main.tasks.system.dispatch_startup")
resolve_callable("awx.main.tasks.jobs.RunJob")
connection.ensure_connection()
connection.close()
cache.close()
record.note("preloaded")
