"""What metrics-service loads before workers are forked."""

import django
import record

django.setup()

from django.db import connection  # noqa: E402

import apps.tasks.tasks  # noqa: E402, F401

connection.close()
record.note("preloaded")
