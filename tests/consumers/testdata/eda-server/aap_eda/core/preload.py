"""What eda-server loads before workers are forked."""

import django
import record

django.setup()

from django.db import connections  # noqa: E402

import aap_eda.tasks  # noqa: E402, F401

connections.close_all()
record.note("preloaded")
